"""Questions of customers about an invoice or a payment: kept with it, and mailed to the merchant, who answers by mail."""
