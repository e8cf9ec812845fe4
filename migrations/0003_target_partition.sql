-- Self-evident transitions had no reason until now.
UPDATE "transitions" SET "reason" = '' WHERE "reason" IS NULL;--> statement-breakpoint
ALTER TABLE "transitions" ALTER COLUMN "reason" SET NOT NULL;--> statement-breakpoint
ALTER TABLE "instances" ADD COLUMN "target_partition" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
-- The key ended with the partition. Open instances of before exclude others of the whole object.
UPDATE "instances" SET "target_key" = regexp_replace("target_key", '/[^/]*$', '') WHERE "state" IN ('WAITING', 'QUEUED', 'RUNNING');
