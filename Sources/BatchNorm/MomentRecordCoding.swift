import Arithmetic

/// Writes a record from its header to its checksum.
struct MomentRecordWriter {
  private var bytes: [UInt8]

  init(_ kind: MomentRecord.Kind, _ decomposition: Decomposition, hasMask: Bool, isCentered: Bool) {
    bytes =
      MomentRecord.magic + [MomentRecord.version, kind.rawValue, hasMask ? 1 : 0, isCentered ? 1 : 0]
    append(decomposition.fingerprint)
    append(UInt64(0))
  }

  mutating func append(_ number: UInt64) {
    withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
  }

  mutating func append(_ number: Int) { append(UInt64(number)) }

  mutating func append(flag: Bool) { bytes.append(flag ? 1 : 0) }

  /// - Parameters:
  ///   - octets: [⌈columns/8⌉], `canonical`.
  ///   - hasGradients: false if all numbers of the gradients are 0.
  mutating func append(_ octets: some Sequence<PairMoments<Lanes>>, columns: Int, hasGradients: Bool) {
    bytes.reserveCapacity(bytes.count + columns * (hasGradients ? 56 : 32))
    for (octet, moments) in octets.enumerated() {
      let lanes = min(8, columns - 8 * octet)
      append(moments.mean, lanes)
      append(moments.m2, lanes)
      if hasGradients {
        append(moments.gradientMean, lanes)
        append(moments.comoment, lanes)
      }
    }
  }

  private mutating func append(_ numbers: DoubleDouble<Lanes>, _ lanes: Int) {
    append(numbers.high, lanes)
    append(numbers.low, lanes)
  }

  private mutating func append(_ numbers: Lanes, _ lanes: Int) {
    withUnsafeBytes(of: numbers.bits.littleEndian) {
      bytes.append(contentsOf: UnsafeRawBufferPointer(rebasing: $0[..<(8 * lanes)]))
    }
  }

  mutating func append(_ counts: [Int: NonfiniteCounts]) {
    append(counts.count)
    for (feature, counts) in counts.sorted(by: { $0.key < $1.key }) {
      append(feature)
      append(counts.nan)
      append(counts.positive)
      append(counts.negative)
    }
  }

  /// The whole record.
  consuming func finished() -> [UInt8] {
    withUnsafeBytes(of: UInt64(bytes.count + MomentRecord.checkBytes).littleEndian) {
      bytes.replaceSubrange(16..<24, with: $0)
    }
    let check = bytes.withUnsafeBytes(CRC32C.check)
    withUnsafeBytes(of: check.littleEndian) { bytes.append(contentsOf: $0) }
    return bytes
  }
}

/// Reads a record. Lengths are compared with the bytes that are there before anything is allocated.
struct MomentRecordReader {
  /// True if the moments are under a mask.
  let hasMask: Bool
  /// True if products with dy are around given means.
  let isCentered: Bool
  private let bytes: [UInt8]
  private var position = MomentRecord.headerBytes
  private let end: Int

  /// Checks everything but the contents.
  init(
    _ bytes: [UInt8], _ kind: MomentRecord.Kind, _ decomposition: Decomposition
  ) throws(MomentRecordError) {
    let least = MomentRecord.headerBytes + MomentRecord.checkBytes
    guard bytes.prefix(4).elementsEqual(MomentRecord.magic.prefix(bytes.count)) else { throw .wrongMagic }
    guard bytes.count >= least else { throw .truncated(byteCount: bytes.count, needed: least) }
    // What follows the version is known of this version only.
    guard bytes[4] <= MomentRecord.version else { throw .newerVersion(Int(bytes[4])) }
    let length = Int(clamping: Self.number(bytes, at: 16))
    guard length >= least else { throw .invalid(.length) }
    guard bytes.count >= length else { throw .truncated(byteCount: bytes.count, needed: length) }
    guard bytes.count <= length else { throw .tooLong(byteCount: bytes.count, expected: length) }
    end = length - MomentRecord.checkBytes
    let found = UInt32(truncatingIfNeeded: Self.number(bytes, at: length - 8) >> 32)
    let computed = bytes.withUnsafeBytes { [end] in CRC32C.check(UnsafeRawBufferPointer(rebasing: $0[..<end]))
    }
    guard found == computed else { throw .checksum(found: found, computed: computed) }
    guard bytes[4] == MomentRecord.version else { throw .olderVersion(Int(bytes[4])) }
    guard bytes[6] <= 1, bytes[7] <= 1 else { throw .invalid(.header) }
    guard bytes[5] == kind.rawValue else { throw .anotherKind(Int(bytes[5])) }
    let fingerprint = Self.number(bytes, at: 8)
    guard fingerprint == decomposition.fingerprint else {
      throw .anotherDecomposition(found: fingerprint, expected: decomposition.fingerprint)
    }
    hasMask = bytes[6] == 1
    isCentered = bytes[7] == 1
    self.bytes = bytes
  }

  private static func number(_ bytes: [UInt8], at position: Int) -> UInt64 {
    bytes.withUnsafeBytes {
      UInt64(littleEndian: $0.loadUnaligned(fromByteOffset: position, as: UInt64.self))
    }
  }

  private func require(_ byteCount: Int) throws(MomentRecordError) {
    guard end - position >= byteCount else { throw .invalid(.length) }
  }

  mutating func number() throws(MomentRecordError) -> UInt64 {
    try require(8)
    defer { position += 8 }
    return Self.number(bytes, at: position)
  }

  /// A number of things.
  mutating func count(
    atMost limit: Int, _ field: MomentRecordError.Field
  ) throws(MomentRecordError) -> Int {
    let found = try number()
    guard let count = Int(exactly: found), count <= limit else { throw .invalid(field) }
    return count
  }

  mutating func flag() throws(MomentRecordError) -> Bool {
    try require(1)
    defer { position += 1 }
    guard bytes[position] <= 1 else { throw .invalid(.header) }
    return bytes[position] == 1
  }

  /// The moments of some columns, in octets.
  mutating func moments(columns: Int, hasGradients: Bool) throws(MomentRecordError) -> [PairMoments<Lanes>] {
    let (byteCount, overflows) = columns.multipliedReportingOverflow(by: hasGradients ? 56 : 32)
    if overflows { throw .invalid(.length) }
    try require(byteCount)
    var octets: [PairMoments<Lanes>] = []
    octets.reserveCapacity((columns + 7) / 8)
    for first in stride(from: 0, to: columns, by: 8) {
      let lanes = min(8, columns - first)
      var moments = PairMoments<Lanes>.empty
      moments.mean = DoubleDouble(numbers(lanes), numbers(lanes))
      moments.m2 = DoubleDouble(numbers(lanes), numbers(lanes))
      if hasGradients {
        moments.gradientMean = DoubleDouble(numbers(lanes), numbers(lanes))
        moments.comoment = numbers(lanes)
      }
      guard (moments.m2.high .< 0) == SIMDMask(repeating: false) else { throw .invalid(.moments) }
      octets.append(moments.canonical(lanes: lanes))
    }
    return octets
  }

  /// Numbers that are known to be there.
  private mutating func numbers(_ lanes: Int) -> Lanes {
    var bits = SIMD8<UInt64>.zero
    withUnsafeMutableBytes(of: &bits) { bits in
      bytes.withUnsafeBytes {
        bits.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[position..<position + 8 * lanes]))
      }
    }
    position += 8 * lanes
    return unsafeBitCast(bits.littleEndian, to: Lanes.self)
  }

  /// What is not finite.
  /// - Parameter values: as many as each feature has.
  mutating func nonfinite(
    featureCount: Int, values: Int
  ) throws(MomentRecordError) -> [Int: NonfiniteCounts] {
    let entries = try count(atMost: featureCount, .nonfinite)
    var result: [Int: NonfiniteCounts] = [:]
    var last = -1
    for _ in 0..<entries {
      let feature = try count(atMost: featureCount - 1, .nonfinite)
      guard feature > last else { throw .invalid(.nonfinite) }
      last = feature
      var counts = NonfiniteCounts()
      counts.nan = try count(atMost: values, .nonfinite)
      counts.positive = try count(atMost: values - counts.nan, .nonfinite)
      counts.negative = try count(atMost: values - counts.nan - counts.positive, .nonfinite)
      guard counts.total > 0 else { throw .invalid(.nonfinite) }
      result[feature] = counts
    }
    return result
  }

  /// - Throws: `invalid(.length)` if there is more than was read.
  func finish() throws(MomentRecordError) {
    guard position == end else { throw .invalid(.length) }
  }
}

extension PairMoments where Vector == Lanes {
  /// False if all numbers of the gradients are +0.
  var hasGradients: Bool { gradientMean.high.bits | gradientMean.low.bits | comoment.bits != .zero }
}

extension Lanes {
  fileprivate var bits: SIMD8<UInt64> { unsafeBitCast(self, to: SIMD8<UInt64>.self) }
}

extension SIMD8<UInt64> {
  /// In the byte order of a record, or back from it.
  fileprivate var littleEndian: SIMD8<UInt64> {
    var result = self
    for lane in 0..<8 { result[lane] = result[lane].littleEndian }
    return result
  }
}
