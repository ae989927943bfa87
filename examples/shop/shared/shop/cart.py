"""The cart of a customer, in Redis."""

from redis import Redis


def add(redis: Redis, customer: str, product: int, count: int) -> int:
    """Put *count* of a product into the cart; return how many there are now."""
    return redis.hincrby(f'cart:{customer}', str(product), count)


def read(redis: Redis, customer: str) -> dict[str, int]:
    """Return the count of each product in the cart."""
    return {product: int(count) for product, count in redis.hgetall(f'cart:{customer}').items()}
