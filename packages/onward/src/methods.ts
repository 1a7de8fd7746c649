/** Methods that only read, so that a request may be repeated (RFC 9110 section 9.2.1, RFC 10008). */
export const SAFE_METHODS: readonly string[] = ["GET", "HEAD", "QUERY"]

/** Methods by which a stream may be asked for. */
export const STREAM_METHODS: readonly string[] = [...SAFE_METHODS, "POST"]
