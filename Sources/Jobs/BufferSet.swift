import BatchNorm
import Configuration
import HDF5
import LayerFiles
import Parallel

/// How a range of samples lies in memory between reading and writing, and how much memory that takes.
///
/// Outputs take the place of the inputs where kernels write what they read: half the memory, and half the cache.
struct BufferShape: Sendable {
  let layer: Layer
  let kernel: KernelType
  let outputKernel: KernelType
  let readsGradient: Bool

  init(_ layer: Layer) {
    self.layer = layer
    kernel = layer.kernelType
    outputKernel = Encoding.kernelType(for: layer.outputType)
    readsGradient = layer.readsGradient
  }

  /// True if y takes the place of x, and dx that of dy.
  var isInPlace: Bool { kernel == outputKernel }

  private var values: Int { layer.layout.valuesPerSample }
  var inputBytes: Int { values * kernel.byteCount }
  var outputBytes: Int { values * outputKernel.byteCount }
  var maskBytes: Int { layer.mask == nil ? 0 : layer.layout.valuesPerFeatureAndSample }

  /// Bytes that one sample takes in a set.
  var bytesPerSample: Int {
    // `MaskedMoments` gathers a position and a value for each that counts.
    var bytes = inputBytes * (readsGradient ? 2 : 1) + maskBytes * 17
    if !isInPlace {
      bytes += outputBytes * ((layer.writes(.output) ? 1 : 0) + (layer.writes(.gradInput) ? 1 : 0))
    }
    if layer.writes(.normalized) { bytes += outputBytes }
    return bytes
  }
}

/// The memory for one range of samples, reused from range to range.
final class BufferSet: Sendable {
  let shape: BufferShape
  let capacity: Int
  let x: AlignedBuffer
  let dy: AlignedBuffer?
  let y: AlignedBuffer?
  let dx: AlignedBuffer?
  let xHat: AlignedBuffer?
  let mask: AlignedBuffer?

  /// - Parameter capacity: samples.
  init(_ shape: BufferShape, capacity: Int) throws {
    func buffer(_ bytesPerSample: Int, if wanted: Bool, isStaggered: Bool = false) throws(StreamError)
      -> AlignedBuffer?
    {
      guard wanted else { return nil }
      do {
        return try AlignedBuffer(byteCount: bytesPerSample * capacity, isStaggered: isStaggered)
      } catch {
        throw .outOfMemory(byteCount: error.byteCount)
      }
    }
    self.shape = shape
    self.capacity = capacity
    let layer = shape.layer
    x = try buffer(shape.inputBytes, if: true)!
    dy = try buffer(shape.inputBytes, if: shape.readsGradient, isStaggered: true)
    y = try buffer(shape.outputBytes, if: layer.writes(.output) && !shape.isInPlace)
    dx = try buffer(
      shape.outputBytes, if: layer.writes(.gradInput) && !shape.isInPlace, isStaggered: true)
    xHat = try buffer(shape.outputBytes, if: layer.writes(.normalized))
    mask = try buffer(shape.maskBytes, if: layer.mask != nil)
  }

  /// x of samples from `first` on, counted from the beginning of the set.
  func input(_ buffer: AlignedBuffer, from first: Int) -> ReadableTensor {
    ReadableTensor(buffer.bytes.baseAddress! + first * shape.inputBytes, shape.kernel)
  }

  func maskPointer(from first: Int) -> UnsafePointer<UInt8>? {
    mask.map {
      UnsafePointer(
        ($0.bytes.baseAddress! + first * shape.maskBytes).assumingMemoryBound(to: UInt8.self))
    }
  }

  /// Where a large tensor is after the last visit; nil if it is not written.
  func outputBuffer(_ tensor: OutputTensor) -> AlignedBuffer? {
    guard shape.layer.writes(tensor) else { return nil }
    return switch tensor {
    case .output: shape.isInPlace ? x : y
    case .gradInput: shape.isInPlace ? dy : dx
    case .normalized: xHat
    default: nil
    }
  }

  private func output(_ tensor: OutputTensor, from first: Int) -> WritableTensor? {
    outputBuffer(tensor).map {
      WritableTensor($0.bytes.baseAddress! + first * shape.outputBytes, shape.outputKernel)
    }
  }

  /// The last visit of `samples` samples from `first` on.
  func visit(from first: Int, samples: Int) -> SampleTensors {
    SampleTensors(
      x: input(x, from: first), dy: dy.map { input($0, from: first) }, y: output(.output, from: first),
      xHat: output(.normalized, from: first), dx: output(.gradInput, from: first),
      mask: maskPointer(from: first), centersGradient: shape.layer.normalization == .batch, samples: samples)
  }
}
