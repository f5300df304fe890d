import BatchNorm

/// A tensor in memory, between guards that show whether a kernel wrote beside it.
///
/// It begins at an address that is aligned to one number only, as a batch in the middle of a buffer does.
final class TensorMemory {
  let type: KernelType
  let count: Int
  private let bytes: UnsafeMutableRawBufferPointer
  private static let guardBytes = 128
  private static let guardValue: UInt8 = 0xA5

  /// - Parameter values: rounded to `type`.
  init(_ values: [Double], _ type: KernelType) {
    self.type = type
    count = values.count
    bytes = .allocate(byteCount: count * type.byteCount + 2 * Self.guardBytes + 8, alignment: 64)
    bytes.initializeMemory(as: UInt8.self, repeating: Self.guardValue)
    for (index, value) in values.enumerated() {
      switch type {
      case .float: base.storeBytes(of: Float(value), toByteOffset: 4 * index, as: Float.self)
      case .double: base.storeBytes(of: value, toByteOffset: 8 * index, as: Double.self)
      }
    }
  }

  /// A tensor to be written.
  convenience init(count: Int, _ type: KernelType) {
    self.init(Array(repeating: -123.25, count: count), type)
  }

  deinit { bytes.deallocate() }

  var base: UnsafeMutableRawPointer {
    bytes.baseAddress.unsafelyUnwrapped + Self.guardBytes + type.byteCount
  }

  var readable: ReadableTensor { ReadableTensor(base, type) }
  var writable: WritableTensor { WritableTensor(base, type) }

  /// The tensor from number `offset` on.
  func readable(from offset: Int) -> ReadableTensor {
    ReadableTensor(base + offset * type.byteCount, type)
  }

  var values: [Double] {
    (0..<count).map { index in
      switch type {
      case .float: Double(base.load(fromByteOffset: 4 * index, as: Float.self))
      case .double: base.load(fromByteOffset: 8 * index, as: Double.self)
      }
    }
  }

  /// True if nothing was written outside of the tensor.
  var guardsAreIntact: Bool {
    let start = Self.guardBytes + type.byteCount
    let end = start + count * type.byteCount
    return bytes[..<start].allSatisfy { $0 == Self.guardValue }
      && bytes[end...].allSatisfy { $0 == Self.guardValue }
  }
}

extension Sequence<Double> {
  /// The numbers as a tensor of the type would hold them.
  func rounded(to type: KernelType) -> [Double] {
    type == .float ? map { Double(Float($0)) } : Array(self)
  }

  /// The largest magnitude; NaN if there is one.
  var scale: Double { reduce(0) { $1.isNaN ? $1 : Swift.max($0, $1.magnitude) } }
}
