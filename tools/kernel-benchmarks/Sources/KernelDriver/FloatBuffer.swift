#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Memory for numbers that are never all zero.
///
/// Buffers with different seeds begin at different quarters of a page, as those of `Jobs` do: where rows are whole pages,
/// tensors that all begin with a page would fall into the same few lines of the first-level cache.
final class FloatBuffer {
  /// [count]
  let numbers: UnsafeMutablePointer<Float>
  let count: Int
  private let allocation: UnsafeMutableRawPointer

  /// - Parameter seed: where the pseudo-random numbers in -1 ..< 1 begin.
  init(count: Int, seed: UInt64) {
    var memory: UnsafeMutableRawPointer?
    let stagger = Int(seed % 4) * 1024
    guard posix_memalign(&memory, 4096, count * 4 + stagger) == 0, let memory else { fatalError("no memory") }
    allocation = memory
    numbers = (memory + stagger).bindMemory(to: Float.self, capacity: count)
    self.count = count
    var state = seed
    for index in 0..<count {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      numbers[index] = Float(Int32(truncatingIfNeeded: state >> 32)) / 0x1p31
    }
  }

  deinit { free(allocation) }
}
