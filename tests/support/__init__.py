"""What tests share: servers, fakes and the client that checks each page. No test lives here."""
