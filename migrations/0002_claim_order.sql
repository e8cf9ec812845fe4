DROP INDEX "instances_claimable";--> statement-breakpoint
DROP INDEX "instances_target";--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "last_attempt" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "instances_reruns" ON "instances" USING btree ("rerun_of") WHERE rerun_of is not null;--> statement-breakpoint
CREATE INDEX "instances_claimable" ON "instances" USING btree ("priority" DESC NULLS FIRST,"scheduled_at","id") WHERE state in ('WAITING', 'QUEUED');--> statement-breakpoint
CREATE INDEX "instances_target" ON "instances" USING btree ("target_key") WHERE state in ('WAITING', 'QUEUED', 'RUNNING');