"""The prototype that ours has to be no slower than: a proxy as simple as it can be that captures and mirrors over HAProxy's SPOE filter."""
