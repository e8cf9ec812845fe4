/** What a request is signed with. */
export interface AccessKey {
  accessId: string;
  accessKey: string;
  /** STS token of temporary credentials. */
  securityToken?: string | undefined;
}
