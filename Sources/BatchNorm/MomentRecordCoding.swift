import Arithmetic

/// Writes a record from its header to its checksum.
struct MomentRecordWriter {
  private var bytes: [UInt8]

  init(_ kind: MomentRecord.Kind, _ decomposition: Decomposition, hasMask: Bool) {
    bytes = MomentRecord.magic + [MomentRecord.version, kind.rawValue, hasMask ? 1 : 0, 0]
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
      for (index, numbers) in moments.numbers.enumerated() where index < 4 || hasGradients {
        for lane in 0..<min(8, columns - 8 * octet) { append(numbers[lane].bitPattern) }
      }
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
    guard bytes[4] == MomentRecord.version, bytes[6] <= 1, bytes[7] == 0 else { throw .invalid(.header) }
    guard bytes[5] == kind.rawValue else { throw .anotherKind(Int(bytes[5])) }
    let fingerprint = Self.number(bytes, at: 8)
    guard fingerprint == decomposition.fingerprint else {
      throw .anotherDecomposition(found: fingerprint, expected: decomposition.fingerprint)
    }
    hasMask = bytes[6] == 1
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
      moments.mean = DoubleDouble(try numbers(lanes), try numbers(lanes))
      moments.m2 = DoubleDouble(try numbers(lanes), try numbers(lanes))
      if hasGradients {
        moments.gradientMean = DoubleDouble(try numbers(lanes), try numbers(lanes))
        moments.comoment = try numbers(lanes)
      }
      guard (moments.m2.high .< 0) == SIMDMask(repeating: false) else { throw .invalid(.moments) }
      octets.append(moments.canonical(lanes: lanes))
    }
    return octets
  }

  private mutating func numbers(_ lanes: Int) throws(MomentRecordError) -> Lanes {
    var result = Lanes.zero
    for lane in 0..<lanes { result[lane] = Double(bitPattern: try number()) }
    return result
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

extension PairMoments {
  /// The seven numbers, in the order of a record.
  var numbers: [Vector] {
    [mean.high, mean.low, m2.high, m2.low, gradientMean.high, gradientMean.low, comoment]
  }
}

extension PairMoments where Vector == Lanes {
  /// False if all numbers of the gradients are +0.
  var hasGradients: Bool {
    [gradientMean.high, gradientMean.low, comoment].contains { numbers in
      (0..<8).contains { numbers[$0].bitPattern != 0 }
    }
  }
}
