"""What gateways tell us: verified, stored once, answered, handled later."""
