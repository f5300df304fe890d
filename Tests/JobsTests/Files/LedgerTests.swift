import Foundation
import TestSupport
import Testing

@testable import LayerFiles

/// What is read back of a ledger, whatever became of its last bytes.
@Suite(.timeLimit(.minutes(30))) struct LedgerTests {
  private let folder: TemporaryFolder
  private var path: String { folder.path("ledger") }
  private static let records: [[UInt8]] = [[1, 2, 3], [], Array(repeating: 7, count: 100), [9]]

  init() throws { folder = try TemporaryFolder() }

  /// What a process reads that opens the ledger.
  private func contents() throws -> [[UInt8]] {
    var found: [[UInt8]] = []
    try Ledger(reading: path).read { found.append($0) }
    return found
  }

  /// A ledger of all records.
  private func write() throws {
    try? FileManager.default.removeItem(atPath: path)
    let ledger = try Ledger(path, for: "out.h5")
    try ledger.append(Array(Self.records[..<2]), synchronizes: false)
    try ledger.append(Array(Self.records[2...]), synchronizes: true)
  }

  /// Where each record begins, and the end.
  private func places() throws -> [Int] {
    var places: [Int] = []
    try Ledger(reading: path).readPlaced { _, place in places.append(Int(place)) }
    return places + [try folder.bytes("ledger").count]
  }

  private func change(_ change: (inout Data) -> Void) throws {
    var bytes = try folder.bytes("ledger")
    change(&bytes)
    try bytes.write(to: URL(fileURLWithPath: path))
  }

  @Test func recordsComeBackInTheirOrder() throws {
    try write()
    #expect(try contents() == Self.records)
    let reading = try Ledger(reading: path)
    for (record, place) in zip(Self.records, try places()) {
      #expect(try reading.record(at: Int64(place)) == record)
    }
    var seen: [[UInt8]] = []
    try reading.search { record, stops in
      seen.append(record)
      stops = seen.count == 3
    }
    #expect(seen == Array(Self.records[..<3]))
  }

  /// Who goes on writes behind what is whole, over what is not.
  @Test(arguments: [0, 1, 5, 40]) func whatIsAppendedComesBehind(lost: Int) throws {
    try write()
    try change { $0.removeLast(lost) }
    let whole = try contents()
    #expect(whole.count == (lost == 0 ? 4 : lost == 40 ? 2 : 3))
    let ledger = try Ledger(path, for: "out.h5")
    try ledger.read { _ in }
    try ledger.append([[4, 5]], synchronizes: false)
    try ledger.append([[6]], synchronizes: false)
    #expect(try contents() == whole + [[4, 5], [6]])
  }

  /// As text, a checksum has all of its digits, zeros too, those of the higher half first.
  @Test func checksumsHaveAllTheirDigits() {
    #expect(Checksum(low: 0x1F, high: 0xA0).text == "00000000000000a0000000000000001f")
    #expect(Checksum(low: 0, high: .max).text == "ffffffffffffffff0000000000000000")
  }

  /// Any bit that is another one ends what counts.
  @Test func aChangedByteEndsWhatCounts() throws {
    try write()
    let (good, places) = (try folder.bytes("ledger"), try places())
    for index in good.indices where index < 60 || index.isMultiple(of: 7) {
      try good.write(to: URL(fileURLWithPath: path))
      try change { $0[index] ^= 0x10 }
      let whole = places.count { $0 <= index } - 1
      #expect(try contents() == Array(Self.records[..<whole]), "byte \(index)")
    }
  }

  /// A length that cannot be is no reason to ask for so much memory.
  @Test(arguments: [101, 1 << 20, 1 << 33, 1 << 62, 1 << 63, UInt64.max]) func aLengthIsNotBelieved(
    length: UInt64
  )
    throws
  {
    try write()
    let place = try places()[2]
    try change { bytes in
      withUnsafeBytes(of: length.littleEndian) { bytes.replaceSubrange(place..<place + 8, with: $0) }
    }
    #expect(try contents() == Array(Self.records[..<2]))
  }
}
