import HDF5
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30))) struct NumericTypeTests {
  static let all = NumericType.Kind.allCases.flatMap { kind in
    ByteOrder.allCases.map { NumericType(kind: kind, byteOrder: $0) }
  }

  @Test(arguments: all) func isRecognizedAndKeepsItsBytes(type: NumericType) throws {
    let folder = try TemporaryFolder()
    let written = (0..<5 * type.byteCount).map { UInt8(truncatingIfNeeded: $0 &* 37 &+ 11) }
    let file = try File(creating: folder.path())
    try file.root.createDataset("x", type: type, shape: [5], storage: .contiguous)
      .write(0..<5, as: type, bytes: written)
    try file.close()

    let dataset = try File(reading: folder.path()).root.dataset("x")
    #expect(dataset.type == .numeric(type))
    #expect(try dataset.bytes(0..<5, as: type) == written)
  }

  @Test(arguments: all) func convertsSmallNumbersExactly(type: NumericType) throws {
    let folder = try TemporaryFolder()
    let values = type.kind.isUnsigned ? [0.0, 1, 2, 100, 127] : [0.0, -1, 2, -100, 127]
    let file = try File(creating: folder.path())
    let dataset = try file.root.createDataset("x", type: type, shape: [5], storage: .contiguous)
    try dataset.writeDoubles(values)
    #expect(try dataset.readDoubles() == values)
    // The bytes of the other order are those of this one, reversed number by number.
    let other = NumericType(kind: type.kind, byteOrder: type.byteOrder == .big ? .little : .big)
    let bytes = try dataset.bytes(0..<5, as: type)
    let swapped = try dataset.bytes(0..<5, as: other)
    if type.byteCount > 1 {
      let width = type.byteCount
      #expect(
        (0..<5).allSatisfy { i in
          bytes[i * width..<(i + 1) * width].elementsEqual(swapped[i * width..<(i + 1) * width].reversed())
        })
    }
    try file.close()
  }

  /// Patterns worked out by hand from IEEE 754: sign, exponent with bias 15, 10 bits of mantissa.
  @Test(arguments: [
    (1.0, 0x3C00 as UInt16), (-2.0, 0xC000), (65504.0, 0x7BFF), (0.000_061_035_156_25, 0x0400),
    (0.000_000_059_604_644_775_390_625, 0x0001), (.infinity, 0x7C00), (0.333_251_953_125, 0x3555),
  ])
  func float16HasTheBitsOfIEEE(value: Double, pattern: UInt16) throws {
    try expect(.float16, value, pattern)
  }

  /// The upper half of the pattern as `float32`.
  @Test(arguments: [
    (1.0, 0x3F80 as UInt16), (-2.0, 0xC000), (3.140_625, 0x4049), (.infinity, 0x7F80),
    (0x1p-126, 0x0080), (0x1p127, 0x7F00),
  ])
  func bfloat16HasTheUpperBitsOfFloat32(value: Double, pattern: UInt16) throws {
    #expect(UInt16(Float(value).bitPattern >> 16) == pattern)
    try expect(.bfloat16, value, pattern)
  }

  private func expect(_ kind: NumericType.Kind, _ value: Double, _ pattern: UInt16) throws {
    let folder = try TemporaryFolder()
    let file = try File(creating: folder.path())
    for order in ByteOrder.allCases {
      let type = NumericType(kind: kind, byteOrder: order)
      let dataset = try file.root.createDataset("\(order)", type: type, shape: [1], storage: .contiguous)
      try dataset.writeDoubles([value])
      let low = UInt8(truncatingIfNeeded: pattern)
      let high = UInt8(pattern >> 8)
      #expect(try dataset.bytes(0..<1, as: type) == (order == .little ? [low, high] : [high, low]))
      #expect(try dataset.readDoubles() == [value])
    }
    try file.close()
  }

  @Test func oneByteFormatsHaveNoByteOrder() {
    #expect(NumericType(kind: .int8, byteOrder: .big) == NumericType(kind: .int8, byteOrder: .little))
    #expect(NumericType(kind: .uint8, byteOrder: .big).isNative)
    #expect(!NumericType(kind: .uint16, byteOrder: .big).isNative)
  }

  @Test func describesItself() {
    #expect("\(NumericType.float32)" == "float32")
    #expect("\(NumericType(kind: .int16, byteOrder: .big))" == "big-endian int16")
  }
}
