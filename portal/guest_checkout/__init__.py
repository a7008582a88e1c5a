"""The checkout of somebody who has the pay link of one invoice: its pages, from the invoice to the receipt. The link itself is `portal.pay_links`."""
