"""Rides of yellow taxis in New York, January 2015."""

import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

_FIRST = datetime(2015, 1, 1, tzinfo=UTC)
_SPAN_S = 31 * 86400
# Midtown, and where the airports are.
_PLACES, _SHARES = ((-73.98, 40.75), (-73.78, 40.64), (-73.87, 40.77)), (92, 4, 4)


def rides(rng: random.Random, size: int) -> Iterator[dict[str, Any]]:
    """``size`` rides."""
    for _ in range(size):
        begin = _FIRST + timedelta(seconds=rng.randrange(_SPAN_S))
        distance = round(min(60.0, rng.lognormvariate(0.6, 0.85)), 2)
        duration_s = int(distance * rng.uniform(150, 420)) + 60
        fare = round((2.5 + distance * 2.5 + duration_s / 240) * 2) / 2
        by_card = rng.random() < 0.62
        tip = round(fare * rng.choice((0.0, 0.15, 0.2, 0.25)), 2) if by_card else 0.0
        tolls = 5.33 if distance > 9 and rng.random() < 0.5 else 0.0
        yield {
            "vendor_id": rng.choice(("1", "2")),
            "pickup_datetime": _stamp(begin),
            "dropoff_datetime": _stamp(begin + timedelta(seconds=duration_s)),
            "passenger_count": rng.choices((1, 2, 3, 4, 5, 6), (71, 14, 4, 2, 5, 4))[0],
            "trip_distance": distance,
            "pickup_location": _place(rng),
            "rate_code_id": "2" if distance > 15 else "1",
            "store_and_fwd_flag": "Y" if rng.random() < 0.01 else "N",
            "dropoff_location": _place(rng),
            "payment_type": "1" if by_card else "2",
            "fare_amount": fare,
            "extra": rng.choice((0.0, 0.5, 1.0)),
            "mta_tax": 0.5,
            "tip_amount": tip,
            "tolls_amount": tolls,
            "improvement_surcharge": 0.3,
            "total_amount": round(fare + tip + tolls + 0.8, 2),
            "trip_type": "1",
            "ehail_fee": 0.0,
        }


def _place(rng: random.Random) -> list[float]:
    longitude, latitude = rng.choices(_PLACES, _SHARES)[0]
    return [round(longitude + rng.gauss(0, 0.015), 6), round(latitude + rng.gauss(0, 0.015), 6)]


def _stamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")
