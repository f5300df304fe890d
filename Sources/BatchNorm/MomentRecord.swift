import CProcessor

/// Moments as bytes, little endian: what the records of `PartialMoments` and of `BatchResult` have in common.
///
///     0   4  "BNMO"
///     4   1  version, 2
///     5   1  kind: 1 part of a batch, 2 result of a batch
///     6   1  1 under a mask, else 0
///     7   1  1 if products with dy are around given means, in place of comoments; else 0
///     8   8  the fingerprint of the decomposition
///     16  8  bytes of the record, all in all
///     24     contents, by kind
///            CRC-32C of all bytes before it, 4 bytes
///
/// **Moments** of columns or features: 7 Doubles each, octet by octet, of an octet first all means' high parts, then their low
/// parts, and so on: mean, m2 (high, low), then gradientMean (high, low) and comoment. Where those last three are all 0, as without
/// dy, a flag says so and 4 Doubles remain. Every NaN is one quiet NaN.
///
/// **Counts of what is not finite**: how many features have any, 8 bytes; then of each, in ascending order, its number, NaNs, +∞ and
/// -∞, 8 bytes each.
enum MomentRecord {
  enum Kind: UInt8 {
    case part = 1
    case result = 2
  }

  static let magic = Array("BNMO".utf8)
  /// Version 1 had no sums under a mask, and comoments only.
  static let version: UInt8 = 2
  static let headerBytes = 24
  static let checkBytes = 4
}

/// Why bytes are not the moments that they are taken for.
public enum MomentRecordError: Error, Hashable, Sendable {
  /// There are fewer bytes than the record has, or than any record has.
  case truncated(byteCount: Int, needed: Int)
  /// There are more bytes than the record has.
  case tooLong(byteCount: Int, expected: Int)
  /// The bytes are no record of moments.
  case wrongMagic
  /// A newer program wrote the record.
  case newerVersion(Int)
  /// An older program wrote the record, which had not all that is needed.
  case olderVersion(Int)
  /// The bytes are not those that were written.
  case checksum(found: UInt32, computed: UInt32)
  /// A part of a batch where the result of one is read, or the other way round; the number of the kind.
  case anotherKind(Int)
  /// The moments belong to data that is cut in another way; see `Decomposition.fingerprint`.
  case anotherDecomposition(found: UInt64, expected: UInt64)
  /// Moments under a mask where there is none, or the other way round.
  case anotherMask(found: Bool)
  /// Products around given means where there are none, or the other way round.
  case anotherCenter(found: Bool)
  /// The checksum is right, and still this cannot be.
  case invalid(Field)

  /// Where in a record something is that cannot be.
  public enum Field: Hashable, Sendable {
    /// Version, flags or the byte that is 0.
    case header
    /// Contents are longer or shorter than they say.
    case length
    /// The first leaf or the number of samples.
    case samples
    /// A number of values.
    case count
    /// Σ(x - mean)² < 0.
    case moments
    /// The counts of what is not finite.
    case nonfinite
  }
}

extension Decomposition {
  /// What moments of this decomposition are known by: a hash (FNV-1a) of every number that decides which values a node of the tree
  /// stands for and in which order they were added. Not of the machine code, which decides no bit.
  public var fingerprint: UInt64 {
    let numbers = [
      layout.positionRows, layout.featureCount, layout.planeLength, lanesAreColumns ? 1 : 0, foldedRows,
      samplesPerLeaf, Self.rowsPerBlock, Self.valuesPerBlock,
    ]
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    for number in numbers {
      for shift in stride(from: 0, to: 64, by: 8) {
        hash = (hash ^ (UInt64(number) >> UInt64(shift) & 0xFF)) &* 0x100_0000_01B3
      }
    }
    return hash
  }
}

/// The cyclic redundancy check CRC-32C (Castagnoli): polynomial 0x1EDC6F41, reflected, begun with and inverted by all ones, as in
/// iSCSI (RFC 3720, appendix B.4). It finds every error of up to 32 bits in a row.
///
/// Eight bytes a step: by the processor's own instruction on x86-64, where everything here is built for processors that have it,
/// elsewhere by eight tables: M. E. Kounavis and F. L. Berry, "A systematic approach to building high performance software-based CRC
/// generators" (2005), "slicing-by-8".
package enum CRC32C {
  /// The check of some bytes.
  static func check(_ bytes: UnsafeRawBufferPointer) -> UInt32 {
    var check = ~UInt32(0)
    let wholeWords = bytes.count & ~7
    #if arch(x86_64)
      check = processor_crc32c(check, bytes.baseAddress, wholeWords / 8)
    #else
      for position in stride(from: 0, to: wholeWords, by: 8) {
        let word = bytes.loadUnaligned(fromByteOffset: position, as: UInt64.self)
        check = next(check, UInt64(littleEndian: word))
      }
    #endif
    for byte in bytes[wholeWords...] {
      check = (check >> 8) ^ tables[Int((check ^ UInt32(byte)) & 0xFF)]
    }
    return ~check
  }

  /// The check of eight more bytes, by tables; neither begun nor inverted.
  package static func next(_ check: UInt32, _ word: UInt64) -> UInt32 {
    let word = word ^ UInt64(check)
    return tables.withUnsafeBufferPointer { table in
      var next: UInt32 = 0
      for byte in 0..<8 {
        next ^= table[256 * (7 - byte) + Int(truncatingIfNeeded: (word >> (8 * byte)) & 0xFF)]
      }
      return next
    }
  }

  /// [8, 256]: what a byte does to the check when 0, 1, … 7 bytes follow it.
  private static let tables: [UInt32] = {
    var tables = (0..<256).map { byte in
      (0..<8).reduce(UInt32(byte)) { check, _ in (check >> 1) ^ (check & 1 == 0 ? 0 : 0x82F6_3B78) }
    }
    for index in 256..<8 * 256 {
      let before = tables[index - 256]
      tables.append((before >> 8) ^ tables[Int(before & 0xFF)])
    }
    return tables
  }()
}
