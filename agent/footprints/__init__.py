"""What a request reads and writes, worked out from the request and the primary's answer."""
