"""What the API says of itself: the OpenAPI and AsyncAPI documents."""
