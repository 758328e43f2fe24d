-- So many days after its due date an instalment is not overdue yet. Null: as the merchant's config says.
alter table installment add column grace_days integer;
