import BatchNorm
import HDF5
import LayerFiles
import Parallel

/// How a range of samples of a slice lies in memory between reading and writing.
///
/// Outputs take the place of the inputs where kernels write what they read: half the memory, and half the cache.
struct BufferLayout: Sendable {
  let slice: LayerSlice
  /// Samples that there is room for.
  let capacity: Int
  /// What kernels read and what they write.
  let (inputType, outputType): (KernelType, KernelType)
  // Numbers that are asked for each batch, of which there can be as many as samples.
  let inputBytesPerSample, outputBytesPerSample, maskBytesPerSample: Int
  /// True if the gradient flows through the statistics.
  let centersGradient: Bool

  /// Where the tensors begin; nil for one that is not there.
  private(set) var x = 0
  private(set) var dy: Int?
  private(set) var mask: Int?
  private var (y, xHat, dx): (Int?, Int?, Int?)
  /// Bytes from the first to the last, which is what is allocated.
  private(set) var byteCount = 0
  /// Bytes of the tensors alone.
  private(set) var tensorByteCount = 0

  init(_ slice: LayerSlice, capacity: Int) {
    let layer = slice.layer
    self.slice = slice
    self.capacity = capacity
    (inputType, outputType) = (layer.kernelType, layer.outputType.computedBy)
    inputBytesPerSample = slice.layout.valuesPerSample * inputType.byteCount
    outputBytesPerSample = slice.layout.valuesPerSample * outputType.byteCount
    maskBytesPerSample = slice.layout.valuesPerFeatureAndSample
    centersGradient = layer.normalization == .batch
    x = place(inputBytesPerSample)
    // Two tensors whose rows are whole pages fall into different sets of the first-level cache if one begins in the middle of a
    // page; side by side they would throw each other out of it.
    if layer.readsGradient { dy = place(inputBytesPerSample, isStaggered: true) }
    for result in layer.largeResults {
      switch result {
      case .output: y = isInPlace ? x : place(outputBytesPerSample)
      case .gradInput: dx = isInPlace ? dy : place(outputBytesPerSample, isStaggered: true)
      default: xHat = place(outputBytesPerSample)
      }
    }
    if slice.hasMask { mask = place(maskBytesPerSample) }
  }

  private mutating func place(_ bytesPerSample: Int, isStaggered: Bool = false) -> Int {
    let page = AlignedBuffer.alignment
    let start = (byteCount + page - 1) / page * page + (isStaggered ? page / 2 : 0)
    byteCount = start + bytesPerSample * capacity
    tensorByteCount += bytesPerSample * capacity
    return start
  }

  /// True if y takes the place of x, and dx that of dy.
  private var isInPlace: Bool { inputType == outputType }

  /// Where a large result is after the apply pass; nil if it is not computed.
  func place(of result: LayerResult) -> Int? {
    switch result {
    case .output: y
    case .normalized: xHat
    case .gradInput: dx
    default: nil
    }
  }
}

/// The memory for a range of samples, reused from range to range.
///
/// Used by one thread at a time.
final class SampleBuffers {
  let layout: BufferLayout
  private let memory: AlignedBuffer
  /// The samples that there is room for now.
  private var samples = 0..<0
  /// The samples whose x and dy are there.
  private var loaded = 0..<0

  init(_ layout: BufferLayout) throws(OutOfMemory) {
    self.layout = layout
    memory = try AlignedBuffer(byteCount: layout.byteCount)
  }

  /// Makes room for other samples; nothing of them is there yet.
  func begin(_ samples: Range<Int>) {
    precondition(samples.count <= layout.capacity, "\(samples.count) samples in \(layout.capacity)")
    self.samples = samples
    loaded = samples.lowerBound..<samples.lowerBound
  }

  /// True if x and dy of these samples are there.
  func holds(_ samples: Range<Int>) -> Bool {
    loaded.lowerBound <= samples.lowerBound && samples.upperBound <= loaded.upperBound
  }

  /// Notes that x and dy of these samples, which follow or come before those noted last, were read.
  func didLoad(_ samples: Range<Int>) {
    loaded =
      loaded.isEmpty
      ? samples
      : min(loaded.lowerBound, samples.lowerBound)..<max(loaded.upperBound, samples.upperBound)
  }

  /// Bytes of some of the samples in one of the tensors.
  /// - Parameter start: where the tensor begins.
  func bytes(of samples: Range<Int>, at start: Int, perSample: Int) -> UnsafeMutableRawBufferPointer {
    let first = start + (samples.lowerBound - self.samples.lowerBound) * perSample
    return UnsafeMutableRawBufferPointer(
      rebasing: memory.bytes[first..<first + samples.count * perSample])
  }

  /// Some of the samples, as kernels see them.
  func tensors(of samples: Range<Int>) -> SampleTensors {
    func input(_ start: Int) -> ReadableTensor {
      let bytes = bytes(of: samples, at: start, perSample: layout.inputBytesPerSample)
      return ReadableTensor(bytes.baseAddress!, layout.inputType)
    }
    func output(_ result: LayerResult) -> WritableTensor? {
      layout.place(of: result).map {
        WritableTensor(
          bytes(of: samples, at: $0, perSample: layout.outputBytesPerSample).baseAddress!, layout.outputType)
      }
    }
    return SampleTensors(
      x: input(layout.x), dy: layout.dy.map(input), y: output(.output), xHat: output(.normalized),
      dx: output(.gradInput),
      mask: layout.mask.map {
        let bytes = bytes(of: samples, at: $0, perSample: layout.maskBytesPerSample)
        return UnsafePointer(bytes.baseAddress!.assumingMemoryBound(to: UInt8.self))
      }, centersGradient: layout.centersGradient, samples: samples.count)
  }
}
