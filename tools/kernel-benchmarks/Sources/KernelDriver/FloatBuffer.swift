#if canImport(Glibc)
  import Glibc
#else
  import Darwin
#endif

/// Page-aligned memory for numbers that are never all zero.
final class FloatBuffer {
  /// [count]
  let numbers: UnsafeMutablePointer<Float>
  let count: Int

  /// - Parameter seed: where the pseudo-random numbers in -1 ..< 1 begin.
  init(count: Int, seed: UInt64) {
    var memory: UnsafeMutableRawPointer?
    guard posix_memalign(&memory, 4096, count * 4) == 0, let memory else { fatalError("no memory") }
    numbers = memory.bindMemory(to: Float.self, capacity: count)
    self.count = count
    var state = seed
    for index in 0..<count {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      numbers[index] = Float(Int32(truncatingIfNeeded: state >> 32)) / 0x1p31
    }
  }

  deinit { free(numbers) }
}
