CREATE TABLE "data_objects" (
	"data_source_id" uuid NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"row_estimate" bigint,
	"byte_estimate" bigint,
	"comment" text,
	"schema" jsonb,
	"refreshed_at" timestamp with time zone NOT NULL,
	CONSTRAINT "data_objects_data_source_id_name_pk" PRIMARY KEY("data_source_id","name")
);
--> statement-breakpoint
CREATE TABLE "data_sources" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"connector" text NOT NULL,
	"options" jsonb NOT NULL,
	"secret_names" text[] DEFAULT '{}'::text[] NOT NULL,
	"sealed" "bytea",
	"allow_custom_sql" boolean DEFAULT true NOT NULL,
	"use" text[] NOT NULL,
	"last_check" jsonb,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "operations" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"subject" uuid,
	"state" text NOT NULL,
	"done" integer DEFAULT 0 NOT NULL,
	"total" integer,
	"error" jsonb,
	"started_at" timestamp with time zone DEFAULT now() NOT NULL,
	"ended_at" timestamp with time zone
);
--> statement-breakpoint
CREATE TABLE "attempts" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"instance_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"worker" text NOT NULL,
	"executor" text NOT NULL,
	"process" text,
	"memory_limit_by" text,
	"process_ended" boolean DEFAULT false NOT NULL,
	"started_at" timestamp with time zone NOT NULL,
	"ended_at" timestamp with time zone,
	"outcome" text,
	"failure" jsonb,
	"phases" jsonb
);
--> statement-breakpoint
CREATE TABLE "dirty_records" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "dirty_records_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"instance_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"split" integer NOT NULL,
	"record" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "instances" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"task_id" uuid NOT NULL,
	"task_version" integer NOT NULL,
	"trigger" text NOT NULL,
	"trigger_key" text NOT NULL,
	"chain" integer NOT NULL,
	"state" text NOT NULL,
	"phase" text,
	"waiting_for" text,
	"needs_decision" boolean DEFAULT false NOT NULL,
	"scheduled_at" timestamp with time zone NOT NULL,
	"business_date" date NOT NULL,
	"due_at" timestamp with time zone NOT NULL,
	"created_at" timestamp with time zone NOT NULL,
	"started_at" timestamp with time zone,
	"ended_at" timestamp with time zone,
	"priority" integer DEFAULT 1 NOT NULL,
	"memory_mb" integer NOT NULL,
	"target_key" text NOT NULL,
	"appends" boolean NOT NULL,
	"depends_on_previous" text NOT NULL,
	"timeout_minutes" integer NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"retries_used" integer DEFAULT 0 NOT NULL,
	"owner" text,
	"lease_until" timestamp with time zone,
	"ran_ms" bigint DEFAULT 0 NOT NULL,
	"stop_reason" text,
	"stop_by" text,
	"stop_to" text,
	"planned" boolean DEFAULT false NOT NULL,
	"handle" jsonb,
	"handle_attempt" integer,
	"committing" boolean DEFAULT false NOT NULL,
	"publish" text,
	"visible" text,
	"progress" jsonb,
	"warnings" text[] DEFAULT '{}'::text[] NOT NULL,
	"failure" jsonb,
	"cleanup" text,
	"cleanup_at" timestamp with time zone,
	"rerun_of" uuid
);
--> statement-breakpoint
CREATE TABLE "log_lines" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "log_lines_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"instance_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"line" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "reconciliations" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "reconciliations_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"instance_id" uuid NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"mode" text NOT NULL,
	"ok" boolean NOT NULL,
	"source_rows" bigint,
	"target_rows" bigint,
	"message" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "splits" (
	"instance_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"split" jsonb NOT NULL,
	"state" text NOT NULL,
	"attempt" integer DEFAULT 0 NOT NULL,
	"receipt" jsonb,
	"counts" jsonb,
	CONSTRAINT "splits_instance_id_number_pk" PRIMARY KEY("instance_id","number")
);
--> statement-breakpoint
CREATE TABLE "statements" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "statements_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"instance_id" uuid NOT NULL,
	"attempt" integer NOT NULL,
	"statement" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "transitions" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "transitions_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"sequence" bigint,
	"workspace_id" uuid NOT NULL,
	"instance_id" uuid NOT NULL,
	"task_id" uuid NOT NULL,
	"from" text,
	"to" text NOT NULL,
	"at" timestamp with time zone NOT NULL,
	"by" text NOT NULL,
	"reason" text,
	"attempt" integer NOT NULL,
	"snapshot" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "api_tokens" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"user_id" uuid NOT NULL,
	"label" text NOT NULL,
	"hash" text NOT NULL,
	"expires_at" timestamp with time zone,
	"revoked_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "memberships" (
	"workspace_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"role" text NOT NULL,
	CONSTRAINT "memberships_workspace_id_user_id_pk" PRIMARY KEY("workspace_id","user_id")
);
--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"name" text NOT NULL,
	"email" text,
	"platform_role" text NOT NULL,
	"service" boolean DEFAULT false NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "users_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "workspaces" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "workspaces_name_unique" UNIQUE("name")
);
--> statement-breakpoint
CREATE TABLE "audit" (
	"id" bigint PRIMARY KEY GENERATED ALWAYS AS IDENTITY (sequence name "audit_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"workspace_id" uuid,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"by_user" uuid NOT NULL,
	"action" text NOT NULL,
	"object_id" text NOT NULL,
	"changes" jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "folders" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"parent_id" uuid,
	"name" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "requests" (
	"actor" uuid NOT NULL,
	"mutation" text NOT NULL,
	"request_id" text NOT NULL,
	"content" text NOT NULL,
	"result" jsonb,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "requests_actor_mutation_request_id_pk" PRIMARY KEY("actor","mutation","request_id")
);
--> statement-breakpoint
CREATE TABLE "task_data_sources" (
	"task_id" uuid NOT NULL,
	"data_source_id" uuid NOT NULL,
	"role" text NOT NULL,
	CONSTRAINT "task_data_sources_task_id_role_pk" PRIMARY KEY("task_id","role")
);
--> statement-breakpoint
CREATE TABLE "task_versions" (
	"task_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"at" timestamp with time zone DEFAULT now() NOT NULL,
	"by_user" uuid NOT NULL,
	"definition" jsonb NOT NULL,
	CONSTRAINT "task_versions_task_id_number_pk" PRIMARY KEY("task_id","number")
);
--> statement-breakpoint
CREATE TABLE "tasks" (
	"id" uuid PRIMARY KEY DEFAULT gen_random_uuid() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"folder_id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"owner" text,
	"tags" text[] DEFAULT '{}'::text[] NOT NULL,
	"kind" text NOT NULL,
	"state" text DEFAULT 'OFFLINE' NOT NULL,
	"revision" integer DEFAULT 1 NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"chain" integer DEFAULT 0 NOT NULL,
	"next_due" timestamp with time zone,
	"deleted_at" timestamp with time zone,
	"created_at" timestamp with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "data_objects" ADD CONSTRAINT "data_objects_data_source_id_data_sources_id_fk" FOREIGN KEY ("data_source_id") REFERENCES "public"."data_sources"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "data_sources" ADD CONSTRAINT "data_sources_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "operations" ADD CONSTRAINT "operations_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "attempts" ADD CONSTRAINT "attempts_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "instances" ADD CONSTRAINT "instances_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "splits" ADD CONSTRAINT "splits_instance_id_instances_id_fk" FOREIGN KEY ("instance_id") REFERENCES "public"."instances"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_tokens" ADD CONSTRAINT "api_tokens_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_user_id_users_id_fk" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "folders" ADD CONSTRAINT "folders_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_data_sources" ADD CONSTRAINT "task_data_sources_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_versions" ADD CONSTRAINT "task_versions_task_id_tasks_id_fk" FOREIGN KEY ("task_id") REFERENCES "public"."tasks"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_versions" ADD CONSTRAINT "task_versions_by_user_users_id_fk" FOREIGN KEY ("by_user") REFERENCES "public"."users"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_workspace_id_workspaces_id_fk" FOREIGN KEY ("workspace_id") REFERENCES "public"."workspaces"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_folder_id_folders_id_fk" FOREIGN KEY ("folder_id") REFERENCES "public"."folders"("id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "data_sources_name" ON "data_sources" USING btree ("workspace_id","name");--> statement-breakpoint
CREATE INDEX "operations_workspace" ON "operations" USING btree ("workspace_id","started_at");--> statement-breakpoint
CREATE UNIQUE INDEX "attempts_number" ON "attempts" USING btree ("instance_id","number");--> statement-breakpoint
CREATE INDEX "dirty_records_instance" ON "dirty_records" USING btree ("instance_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "instances_once" ON "instances" USING btree ("task_id","scheduled_at","trigger_key");--> statement-breakpoint
CREATE INDEX "instances_scheduled" ON "instances" USING btree ("workspace_id","scheduled_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "instances_created" ON "instances" USING btree ("workspace_id","created_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "instances_task" ON "instances" USING btree ("task_id","scheduled_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "instances_claimable" ON "instances" USING btree ("priority","scheduled_at") WHERE state in ('WAITING', 'QUEUED');--> statement-breakpoint
CREATE INDEX "instances_open" ON "instances" USING btree ("task_id") WHERE state in ('WAITING', 'QUEUED', 'RUNNING');--> statement-breakpoint
CREATE INDEX "instances_target" ON "instances" USING btree ("target_key") WHERE state in ('QUEUED', 'RUNNING');--> statement-breakpoint
CREATE INDEX "instances_cleanup" ON "instances" USING btree ("cleanup_at") WHERE cleanup is not null;--> statement-breakpoint
CREATE INDEX "instances_leases" ON "instances" USING btree ("lease_until") WHERE state = 'RUNNING';--> statement-breakpoint
CREATE INDEX "log_lines_attempt" ON "log_lines" USING btree ("instance_id","attempt","id");--> statement-breakpoint
CREATE INDEX "reconciliations_instance" ON "reconciliations" USING btree ("instance_id","id");--> statement-breakpoint
CREATE INDEX "statements_instance" ON "statements" USING btree ("instance_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "transitions_sequence" ON "transitions" USING btree ("sequence");--> statement-breakpoint
CREATE INDEX "transitions_unsequenced" ON "transitions" USING btree ("id") WHERE sequence is null;--> statement-breakpoint
CREATE INDEX "transitions_instance" ON "transitions" USING btree ("instance_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "api_tokens_hash" ON "api_tokens" USING btree ("hash");--> statement-breakpoint
CREATE INDEX "memberships_user" ON "memberships" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "audit_workspace_at" ON "audit" USING btree ("workspace_id","id");--> statement-breakpoint
CREATE UNIQUE INDEX "folders_sibling_name" ON "folders" USING btree ("workspace_id",coalesce("parent_id", '00000000-0000-0000-0000-000000000000'::uuid),"name");--> statement-breakpoint
CREATE INDEX "folders_parent" ON "folders" USING btree ("parent_id");--> statement-breakpoint
CREATE INDEX "requests_at" ON "requests" USING btree ("at");--> statement-breakpoint
CREATE INDEX "task_data_sources_by_source" ON "task_data_sources" USING btree ("data_source_id","task_id");--> statement-breakpoint
CREATE UNIQUE INDEX "tasks_folder_name" ON "tasks" USING btree ("folder_id","name") WHERE deleted_at is null;--> statement-breakpoint
CREATE INDEX "tasks_workspace_name" ON "tasks" USING btree ("workspace_id","name","id");--> statement-breakpoint
CREATE INDEX "tasks_workspace_updated" ON "tasks" USING btree ("workspace_id","updated_at" DESC NULLS FIRST,"id" DESC NULLS FIRST);--> statement-breakpoint
CREATE INDEX "tasks_due" ON "tasks" USING btree ("next_due") WHERE state = 'ONLINE' and next_due is not null;