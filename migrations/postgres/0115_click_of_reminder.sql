-- Staff see which ways to repay a borrower followed.
create index click_of_reminder on click (reminder_id);
