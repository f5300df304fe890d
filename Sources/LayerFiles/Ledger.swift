import CChecksum
import FileNames
import Parallel
import SystemPackage

/// 128 bits by which bytes are known: those that were read are those that were written, unless somebody forged them.
package struct Checksum: Hashable, Sendable, BitwiseCopyable {
  package var low: UInt64
  package var high: UInt64

  package init(low: UInt64, high: UInt64) {
    self.low = low
    self.high = high
  }

  /// XXH3 of some bytes.
  package init(of bytes: UnsafeRawBufferPointer) {
    let sum = checksum_of(bytes.baseAddress, bytes.count)
    (low, high) = (sum.low, sum.high)
  }

  /// 32 hexadecimal digits.
  package var text: String {
    [high, low].map { number in
      let digits = String(number, radix: 16)
      return String(repeating: "0", count: 16 - digits.count) + digits
    }.joined()
  }
}

/// The records of an unfinished job, in the order in which they became true: a file that only grows.
///
///     8   bytes of the contents
///     16  their checksum
///         the contents
///
/// A record that was not written to its end counts for nothing, and nor does what follows it.
package final class Ledger: Sendable {
  fileprivate let file: PositionalFile
  /// Where the next record begins.
  private let end: Guarded<Int64>

  /// Opens the ledger, which is made where it is missing.
  /// - Parameters:
  ///   - path: of the ledger.
  ///   - output: of the output that it belongs to, as the user gave it, for messages.
  init(_ path: String, for output: String) throws(StreamError) {
    file = try PositionalFile(growing: path, for: output, beginsWriteback: false)
    end = Guarded(0)
  }

  /// Opens a ledger that another process may be writing, to read it.
  init(reading path: String) throws(StreamError) {
    file = try PositionalFile(reading: path)
    end = Guarded(0)
  }

  /// Reads all whole records, and goes on behind the last one.
  /// - Parameter take: is given each record's contents.
  package func read(_ take: ([UInt8]) throws -> Void) throws {
    try readPlaced { contents, _ in try take(contents) }
  }

  /// The same.
  /// - Parameter take: is given each record's contents, and the place by which `LedgerRecords` finds them again.
  package func readPlaced(_ take: ([UInt8], Int64) throws -> Void) throws {
    var records = LedgerRecords(self)
    while let (contents, place) = try records.next() { try take(contents, place) }
    end.withLock { $0 = records.place }
  }

  /// Reads whole records until `take` wants no more.
  /// - Parameter take: is given each record's contents, and says when to stop.
  package func search(_ take: ([UInt8], _ stops: inout Bool) throws -> Void) throws {
    var (records, stops) = (LedgerRecords(self), false)
    while !stops, let (contents, _) = try records.next() { try take(contents, &stops) }
  }

  /// True if there is a whole record.
  func hasRecord() throws(StreamError) -> Bool { try record(at: 0) != nil }

  /// The contents of the record that begins at a byte; nil if no whole one does.
  package func record(at place: Int64) throws(StreamError) -> [UInt8]? {
    var records = LedgerRecords(self, at: place, blockByteCount: 0)
    return try records.next()?.contents
  }

  /// Writes records behind the last one. Used by one thread at a time.
  /// - Parameter synchronizes: true to wait until the storage device has them.
  package func append(_ records: [[UInt8]], synchronizes: Bool) throws(StreamError) {
    var bytes: [UInt8] = []
    for record in records {
      let sum = record.withUnsafeBytes { Checksum(of: $0) }
      for number in [UInt64(record.count), sum.low, sum.high] {
        withUnsafeBytes(of: number.littleEndian) { bytes.append(contentsOf: $0) }
      }
      bytes += record
    }
    let place = end.withLock { $0 }
    do {
      try bytes.withUnsafeBytes { try file.write(at: place, from: $0) }
    } catch let error as StreamError {
      throw error
    } catch {
      preconditionFailure("\(error)")
    }
    if synchronizes { try file.synchronize() }
    end.withLock { $0 = place + Int64(bytes.count) }
  }
}

/// The records of a ledger one after the other, read in blocks of the file: there are many, and most are small.
package struct LedgerRecords {
  private let file: PositionalFile
  private let blockByteCount: Int
  /// Bytes of the file, from a place on.
  private var block: [UInt8] = []
  private var blockStart: Int64 = 0
  /// Where the next record begins.
  package private(set) var place: Int64

  private static let headerByteCount = 24
  /// No record is larger: a damaged length is not allocated.
  private static let largestRecord = 1 << 32

  /// - Parameter blockByteCount: of what is read at once, or one record if that is longer.
  package init(_ ledger: Ledger, at place: Int64 = 0, blockByteCount: Int = 1 << 18) {
    file = ledger.file
    self.place = place
    self.blockByteCount = blockByteCount
  }

  /// Goes on with the record that begins at a byte.
  package mutating func move(to place: Int64) { self.place = place }

  /// The contents of the next record, and where it begins; nil if no whole one follows.
  package mutating func next() throws(StreamError) -> (contents: [UInt8], place: Int64)? {
    guard let header = try bytes(at: place, count: Self.headerByteCount) else { return nil }
    let (count, low, high) = header.withUnsafeBytes { header in
      func number(_ index: Int) -> UInt64 {
        UInt64(littleEndian: header.loadUnaligned(fromByteOffset: 8 * index, as: UInt64.self))
      }
      return (number(0), number(1), number(2))
    }
    guard count <= Self.largestRecord,
      let contents = try bytes(at: place + Int64(Self.headerByteCount), count: Int(count)),
      contents.withUnsafeBytes({ Checksum(of: $0) }) == Checksum(low: low, high: high)
    else { return nil }
    let found = place
    place += Int64(Self.headerByteCount + contents.count)
    return (Array(contents), found)
  }

  /// So many bytes from a place on; nil if the file ends before.
  private mutating func bytes(at place: Int64, count: Int) throws(StreamError) -> ArraySlice<UInt8>? {
    if place < blockStart || place + Int64(count) > blockStart + Int64(block.count) {
      let rest = Int64(try file.status().size) - place
      guard rest >= Int64(count) else { return nil }
      let length = max(count, Int(min(Int64(blockByteCount), rest)))
      (block, blockStart) = (try file.bytes(at: place, count: length, dataset: "ledger"), place)
    }
    let first = Int(place - blockStart)
    return block[first..<first + count]
  }
}

/// Numbers and bytes on their way into a record.
package struct RecordWriter {
  package private(set) var bytes: [UInt8] = []

  package init() {}

  package mutating func append(_ number: Int) {
    withUnsafeBytes(of: UInt64(bitPattern: Int64(number)).littleEndian) { bytes.append(contentsOf: $0) }
  }

  package mutating func append(_ range: Range<Int>) {
    append(range.lowerBound)
    append(range.upperBound)
  }

  package mutating func append(_ sum: Checksum) {
    append(Int(truncatingIfNeeded: sum.low))
    append(Int(truncatingIfNeeded: sum.high))
  }

  /// Bytes, with their number before them.
  package mutating func append(_ block: some Collection<UInt8>) {
    append(block.count)
    bytes += block
  }
}

/// Numbers and bytes out of a record, in the order in which they went in.
package struct RecordReader {
  private var rest: ArraySlice<UInt8>

  /// The contents are other than this program writes them.
  package struct Malformed: Error {
    package init() {}
  }

  package init(_ bytes: [UInt8]) { rest = bytes[...] }

  package var isAtEnd: Bool { rest.isEmpty }

  package mutating func number() throws(Malformed) -> Int {
    guard rest.count >= 8 else { throw Malformed() }
    let number = rest.withUnsafeBytes { $0.loadUnaligned(as: UInt64.self) }
    rest.removeFirst(8)
    return Int(Int64(bitPattern: UInt64(littleEndian: number)))
  }

  /// - Parameter limits: the range lies in it.
  package mutating func range(in limits: Range<Int>) throws(Malformed) -> Range<Int> {
    let (lower, upper) = (try number(), try number())
    guard limits.lowerBound <= lower, lower <= upper, upper <= limits.upperBound else { throw Malformed() }
    return lower..<upper
  }

  package mutating func checksum() throws(Malformed) -> Checksum {
    Checksum(low: UInt64(bitPattern: Int64(try number())), high: UInt64(bitPattern: Int64(try number())))
  }

  package mutating func block() throws(Malformed) -> [UInt8] { Array(try slice()) }

  /// The same, as a part of the record's own bytes.
  package mutating func slice() throws(Malformed) -> ArraySlice<UInt8> {
    let count = try number()
    guard count >= 0, rest.count >= count else { throw Malformed() }
    defer { rest.removeFirst(count) }
    return rest.prefix(count)
  }
}
