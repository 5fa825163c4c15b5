"""What applications and storage authors test with. The library itself never imports it."""
