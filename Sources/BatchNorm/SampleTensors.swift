import Arithmetic

/// The numbers that kernels compute on: Float or Double.
public enum KernelType: Hashable, Sendable {
  /// 32 bits.
  case float
  /// 64 bits.
  case double

  /// Bytes of one number.
  public var byteCount: Int { self == .float ? 4 : 8 }
}

/// A range of samples in memory, [samples, P, C, S] row-major, that kernels read.
///
/// Not Sendable: it is a view into a buffer that someone else keeps alive and hands to one task at a time.
public struct ReadableTensor {
  /// The first number of the first sample.
  public let base: UnsafeRawPointer
  /// What the numbers are.
  public let type: KernelType

  /// A view of memory that outlives it.
  public init(_ base: UnsafeRawPointer, _ type: KernelType) {
    self.base = base
    self.type = type
  }

  /// One number; for the rare paths.
  public subscript(index: Int) -> Double {
    switch type {
    case .float: Double(pointer(Float.self)[index])
    case .double: pointer(Double.self)[index]
    }
  }

  /// Up to eight numbers, `stride` apart; 0 in the lanes beyond.
  @inline(__always)
  func lanes(at index: Int, stride: Int, count: Int) -> Lanes {
    if stride == 1, count == 8 {
      let place = base + index * type.byteCount
      return switch type {
      case .float: Lanes(place.loadUnaligned(as: SIMD8<Float>.self))
      case .double: place.loadUnaligned(as: Lanes.self)
      }
    }
    var lanes = Lanes.zero
    for lane in 0..<count { lanes[lane] = self[index + lane * stride] }
    return lanes
  }

  @inline(__always)
  func pointer<E: Element>(_: E.Type) -> UnsafePointer<E> { base.assumingMemoryBound(to: E.self) }
}

/// A range of samples in memory, [samples, P, C, S] row-major, that kernels write. It may be the memory of an input
/// of the same type: kernels read an element before they write it.
public struct WritableTensor {
  /// The first number of the first sample.
  public let base: UnsafeMutableRawPointer
  /// What the numbers are.
  public let type: KernelType

  /// A view of memory that outlives it, and that nobody else writes.
  public init(_ base: UnsafeMutableRawPointer, _ type: KernelType) {
    self.base = base
    self.type = type
  }

  @inline(__always)
  func pointer<E: Element>(_: E.Type) -> UnsafeMutablePointer<E> { base.assumingMemoryBound(to: E.self) }
}

/// A range of a batch's samples in memory: what the apply pass reads and writes.
public struct SampleTensors {
  /// [samples, P, C, S]
  public var x: ReadableTensor
  /// As x; nil if only the forward pass runs.
  public var dy: ReadableTensor?
  /// y, as x; nil if nobody wants it. May be the memory of x.
  public var y: WritableTensor?
  /// x̂, as x; never the memory of x.
  public var xHat: WritableTensor?
  /// dx, as x; nil if nobody wants it. May be the memory of dy.
  public var dx: WritableTensor?
  /// One byte for each (sample, p, s), 0 where the value counts in no statistic; nil if all count.
  public var mask: UnsafePointer<UInt8>?
  /// True if the gradient flows through the statistics.
  public var centersGradient: Bool
  /// How many samples all tensors hold.
  public var samples: Int

  /// The tensors of `samples` samples; tensors that are nil are neither read nor written.
  public init(
    x: ReadableTensor, dy: ReadableTensor?, y: WritableTensor?, xHat: WritableTensor?, dx: WritableTensor?,
    mask: UnsafePointer<UInt8>?, centersGradient: Bool, samples: Int
  ) {
    self.x = x
    self.dy = dy
    self.y = y
    self.xHat = xHat
    self.dx = dx
    self.mask = mask
    self.centersGradient = centersGradient
    self.samples = samples
  }

  /// The type of all outputs; they share one.
  var outputType: KernelType { (y ?? dx ?? xHat)?.type ?? .float }

  /// What is to be computed: everything that there is memory for.
  var wants: ApplyWants {
    let gradient = dx != nil && dy != nil
    // What matters for the gradient only must not keep a forward pass from its own loop.
    return ApplyWants(
      output: y != nil, normalized: xHat != nil, gradient: gradient, centered: centersGradient || !gradient,
      mask: mask != nil && gradient)
  }
}

extension SampleTensors {
  /// Counts the infinite numbers in what `apply` wrote; for the rare case that it says there may be some.
  /// - Parameters:
  ///   - layout: of the samples.
  ///   - isIncluded: whether a feature is to be looked at.
  public func infiniteOutputs(_ layout: FeatureLayout, where isIncluded: (Int) -> Bool) -> Int {
    var count = 0
    for tensor in [y, xHat, dx] {
      guard let tensor else { continue }
      let values = ReadableTensor(tensor.base, tensor.type)
      for plane in 0..<samples * layout.positionRows * layout.featureCount
      where isIncluded(plane % layout.featureCount) {
        for index in plane * layout.planeLength..<(plane + 1) * layout.planeLength
        where values[index].isInfinite {
          count += 1
        }
      }
    }
    return count
  }
}
