/// a = b + factor · c over arrays far beyond the caches: the bandwidth that a loop over memory can reach.
public final class Triad {
  private let a: FloatBuffer
  private let b: FloatBuffer
  private let c: FloatBuffer
  private let threads: Int

  /// Bytes read and written by one plane, 12 a number; that a cache line is read before it is written is not counted.
  public let byteCount: Int

  /// Three arrays of 64 MiB.
  public init(threads: Int) {
    let count = 16 << 20
    a = FloatBuffer(count: count, seed: 1)
    b = FloatBuffer(count: count, seed: 2)
    c = FloatBuffer(count: count, seed: 3)
    self.threads = threads
    byteCount = 12 * count
  }

  /// One plane over all arrays.
  public func run() {
    let part = a.count / threads / 16 * 16
    let arrays = Shared((a.numbers, b.numbers, c.numbers))
    inParallel(threads) { thread in
      let (a, b, c) = arrays.value
      let factor = SIMD16<Float>(repeating: 0.5)
      for index in stride(from: thread * part, to: (thread + 1) * part, by: 16) {
        let sum =
          UnsafeRawPointer(b + index).loadUnaligned(as: SIMD16<Float>.self)
          + factor * UnsafeRawPointer(c + index).loadUnaligned(as: SIMD16<Float>.self)
        UnsafeMutableRawPointer(a + index).storeBytes(of: sum, as: SIMD16<Float>.self)
      }
    }
  }
}
