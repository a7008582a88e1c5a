"""What strangers can do to those who sign in: attackers of several sizes against one owner and one merchant, under one clock."""
