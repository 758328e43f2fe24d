-- Staff find a borrower by the number of an order.
create index installment_of_order on installment (order_ref) where order_ref is not null;
