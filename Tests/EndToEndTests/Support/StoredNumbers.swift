import Foundation
import HDF5

/// Numbers as a file stores them, encoded and decoded here: neither the program nor a conversion of the HDF5 library has
/// a part in what is expected.
enum StoredNumbers {
  /// Writes numbers that the dataset's type holds exactly.
  static func write(_ values: [Double], to dataset: Dataset) throws {
    let type = try numericType(of: dataset)
    try encode(values, as: type).withUnsafeBytes {
      try dataset.write(leading: 0..<dataset.rowCount, as: type, from: $0)
    }
  }

  /// Reads the bytes as they are stored, and decodes them.
  static func read(_ dataset: Dataset) throws -> [Double] {
    let type = try numericType(of: dataset)
    var bytes = Data(count: dataset.elementCount * type.byteCount)
    try bytes.withUnsafeMutableBytes {
      try dataset.read(leading: 0..<dataset.rowCount, as: type, into: $0)
    }
    return bytes.withUnsafeBytes { decode($0, as: type) }
  }

  private static func numericType(of dataset: Dataset) throws -> NumericType {
    guard let type = dataset.type.numericType else { throw NotNumeric(path: dataset.path) }
    return type
  }

  private struct NotNumeric: Error {
    let path: String
  }

  private static func encode(_ values: [Double], as type: NumericType) -> Data {
    let isBig = type.byteOrder == .big
    func pack<Bits: FixedWidthInteger>(_ bits: (Double) -> Bits) -> Data {
      let stored = values.map { isBig ? bits($0).bigEndian : bits($0).littleEndian }
      return stored.withUnsafeBytes { Data($0) }
    }
    switch type.kind {
    case .float16: return pack { Float16($0).bitPattern }
    case .bfloat16: return pack { UInt16(Float($0).bitPattern >> 16) }
    case .float32: return pack { Float($0).bitPattern }
    case .float64: return pack { $0.bitPattern }
    case .int8: return pack { Int8($0) }
    case .int16: return pack { Int16($0) }
    case .int32: return pack { Int32($0) }
    case .int64: return pack { Int64($0) }
    case .uint8: return pack { UInt8($0) }
    case .uint16: return pack { UInt16($0) }
    case .uint32: return pack { UInt32($0) }
    case .uint64: return pack { UInt64($0) }
    }
  }

  private static func decode(_ bytes: UnsafeRawBufferPointer, as type: NumericType) -> [Double] {
    let isBig = type.byteOrder == .big
    func unpack<Bits: FixedWidthInteger & BitwiseCopyable>(_ value: (Bits) -> Double) -> [Double] {
      (0..<bytes.count / MemoryLayout<Bits>.size).map {
        let bits = bytes.loadUnaligned(fromByteOffset: $0 * MemoryLayout<Bits>.size, as: Bits.self)
        return value(isBig ? Bits(bigEndian: bits) : Bits(littleEndian: bits))
      }
    }
    switch type.kind {
    case .float16: return unpack { Double(Float16(bitPattern: $0)) }
    case .bfloat16: return unpack { (bits: UInt16) in Double(Float(bitPattern: UInt32(bits) << 16)) }
    case .float32: return unpack { Double(Float(bitPattern: $0)) }
    case .float64: return unpack { Double(bitPattern: $0) }
    case .int8: return unpack { (bits: Int8) in Double(bits) }
    case .int16: return unpack { (bits: Int16) in Double(bits) }
    case .int32: return unpack { (bits: Int32) in Double(bits) }
    case .int64: return unpack { (bits: Int64) in Double(bits) }
    case .uint8: return unpack { (bits: UInt8) in Double(bits) }
    case .uint16: return unpack { (bits: UInt16) in Double(bits) }
    case .uint32: return unpack { (bits: UInt32) in Double(bits) }
    case .uint64: return unpack { (bits: UInt64) in Double(bits) }
    }
  }
}

extension NumericType.Kind {
  /// The least and the greatest number that generated layers have in this type, and what all their numbers are multiples
  /// of. All of them are exact in Double, and each integer type uses its sign bit.
  var generatedNumbers: (least: Double, greatest: Double, step: Double) {
    switch self {
    case .float16: (-14, 18, 1.0 / 64)
    case .bfloat16: (-6, 10, 1.0 / 8)
    case .float32: (-5, 11, 0x1p-20)
    case .float64: (-5, 11, 0x1p-48)
    case .int8: (-128, 127, 1)
    case .uint8: (0, 255, 1)
    case .int16: (-30_000, 32_000, 1)
    case .uint16: (0, 65_000, 1)
    case .int32: (-2e9, 2.1e9, 1)
    case .uint32: (0, 4.2e9, 1)
    case .int64: (-0x1p63, 0x1p62, 0x1p11)
    case .uint64: (0, 0x1.8p63, 0x1p11)
    }
  }

  /// Half the distance of the numbers of a floating-point type around `value`: what rounding to nearest may cost.
  func halfUnit(at value: Double) -> Double {
    let (digits, leastExponent) =
      switch self {
      case .float16: (11, -14)
      case .bfloat16: (8, -126)
      case .float32: (24, -126)
      default: (53, -1022)
      }
    let exponent = value == 0 || !value.isFinite ? leastExponent : max(Int(value.exponent), leastExponent)
    return Double(sign: .plus, exponent: exponent - digits, significand: 1)
  }

  /// From this magnitude on, rounding to nearest gives an infinity.
  var overflow: Double {
    switch self {
    case .float16: 65520
    case .bfloat16: 0x1.FFp127
    case .float32: 0x1.FFFFFFp127
    default: .infinity
    }
  }
}
