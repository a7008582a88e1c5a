"""Papers: invoices, receipts and credit notes as PDF, fixed when they are issued. Only `views` knows a web framework."""
