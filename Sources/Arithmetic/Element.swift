import CProcessor

#if canImport(Glibc)
  import Glibc  // `squareRoot()` and `addingProduct` may become calls of libm.
#endif

/// Eight Doubles that the kernels compute at once: two AVX2 registers, one of AVX-512, four of NEON.
public typealias Lanes = SIMD8<Double>

/// A stored number that the kernels read and write as Double: `Float` and `Double`.
///
/// All other types of a file (half precision, integers, the other byte order) are decoded to one of these two before
/// a kernel sees them, so that every kernel exists in four forms only: two inputs times two outputs.
public protocol Element: BinaryFloatingPoint, SIMDScalar, Codable, Sendable {
  /// Reads eight consecutive numbers; `source` needs no alignment beyond that of one number.
  static func load(_ source: UnsafePointer<Self>) -> Lanes

  /// Writes eight consecutive numbers, rounded to nearest, and returns a vector that is finite unless one of the
  /// numbers written is infinite or NaN.
  ///
  /// The returned value is `written · 0 + canary`: an exact test for overflow that costs one instruction.
  static func store(_ value: Lanes, to target: UnsafeMutablePointer<Self>, canary: SIMD8<Self>) -> SIMD8<Self>
}

extension Float: Element {
  /// Widens eight Floats, exactly.
  @inlinable @inline(__always)
  public static func load(_ source: UnsafePointer<Float>) -> Lanes {
    widened(UnsafeRawPointer(source).loadUnaligned(as: SIMD8<Float>.self))
  }

  /// Writes eight Floats, rounded to nearest.
  @inlinable @inline(__always)
  public static func store(
    _ value: Lanes, to target: UnsafeMutablePointer<Float>, canary: SIMD8<Float>
  ) -> SIMD8<Float> {
    let narrow = narrowed(value)
    UnsafeMutableRawPointer(target).storeBytes(of: narrow, as: SIMD8<Float>.self)
    return canary.addingProduct(narrow, SIMD8<Float>(repeating: 0))
  }
}

// The conversions lane by lane: the standard library's own stay calls in large functions, where these become one
// instruction.

@inlinable @inline(__always)
func widened(_ value: SIMD8<Float>) -> Lanes {
  Lanes(
    Double(value[0]), Double(value[1]), Double(value[2]), Double(value[3]), Double(value[4]),
    Double(value[5]),
    Double(value[6]), Double(value[7]))
}

@inlinable @inline(__always)
func narrowed(_ value: Lanes) -> SIMD8<Float> {
  SIMD8<Float>(
    Float(value[0]), Float(value[1]), Float(value[2]), Float(value[3]), Float(value[4]), Float(value[5]),
    Float(value[6]), Float(value[7]))
}

extension Double: Element {
  /// Reads eight Doubles as they are.
  @inlinable @inline(__always)
  public static func load(_ source: UnsafePointer<Double>) -> Lanes {
    UnsafeRawPointer(source).loadUnaligned(as: Lanes.self)
  }

  /// Writes eight Doubles as they are.
  @inlinable @inline(__always)
  public static func store(
    _ value: Lanes, to target: UnsafeMutablePointer<Double>, canary: Lanes
  ) -> Lanes {
    UnsafeMutableRawPointer(target).storeBytes(of: value, as: Lanes.self)
    return canary.addingProduct(value, Lanes(repeating: 0))
  }
}

extension Element {
  /// Asks for the numbers at `source`, which may lie beyond the tensor's end, to be brought near; `RowSteps` says which.
  @inlinable @inline(__always)
  public static func prefetch(_ source: UnsafePointer<Self>) { processor_prefetch(source) }

  /// Reads the first `count` (1...8) of eight numbers; the other lanes repeat the first one, so that they stay
  /// harmless in every kernel (a zero could overflow where the data is far away from zero).
  @inlinable @inline(__always)
  public static func load(_ source: UnsafePointer<Self>, count: Int) -> Lanes {
    if count == 8 { return load(source) }
    var lanes = Lanes(repeating: Double(source[0]))
    for lane in 1..<max(count, 1) { lanes[lane] = Double(source[lane]) }
    return lanes
  }

  /// Writes the first `count` (1...8) of eight numbers; see `store(_:to:canary:)`.
  @inlinable @inline(__always)
  public static func store(
    _ value: Lanes, to target: UnsafeMutablePointer<Self>, count: Int, canary: SIMD8<Self>
  ) -> SIMD8<Self> {
    if count == 8 { return store(value, to: target, canary: canary) }
    var canary = canary
    for lane in 0..<count {
      target[lane] = Self(value[lane])
      canary[lane] += target[lane] * 0
    }
    return canary
  }
}

extension Lanes {
  /// The square root of each lane; the standard library's own takes them one by one.
  @inlinable @inline(__always)
  public var squareRoots: Lanes {
    Lanes(
      self[0].squareRoot(), self[1].squareRoot(), self[2].squareRoot(), self[3].squareRoot(),
      self[4].squareRoot(), self[5].squareRoot(), self[6].squareRoot(), self[7].squareRoot())
  }

  /// The sum of the eight lanes, in a fixed order.
  @inlinable @inline(__always)
  public var total: Double {
    let four = lowHalf + highHalf
    let two = four.lowHalf + four.highHalf
    return two[0] + two[1]
  }
}
