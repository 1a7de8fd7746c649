/** Iterates a stream or an async iterable. Some runtimes cannot iterate a ReadableStream. */
export function iteratorOf<T>(source: ReadableStream<T> | AsyncIterable<T>): AsyncIterator<T, undefined> {
  if (!("getReader" in source)) return source[Symbol.asyncIterator]() as AsyncIterator<T, undefined>
  const reader = source.getReader()
  return {
    next: () => reader.read() as Promise<IteratorResult<T, undefined>>,
    async return() {
      await reader.cancel()
      return { done: true, value: undefined }
    },
  }
}
