/** Methods that only read, so that a request can be repeated (RFC 9110 section 9.2.1, RFC 10008). */
export const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "QUERY"]

/** Methods that can request a stream. */
export const STREAM_METHODS: readonly string[] = [...SAFE_METHODS, "POST"]
