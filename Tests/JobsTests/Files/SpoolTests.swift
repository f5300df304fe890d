import Foundation
import Parallel
import TestSupport
import Testing

@testable import LayerFiles

/// Copies of what is written come back as they were, or not at all, so that they are made again.
@Suite(.timeLimit(.minutes(30))) struct SpoolTests {
  private let folder: TemporaryFolder
  private var path: String { folder.path("spool") }
  private static let pieces: [[UInt8]] = [[1, 2, 3], [], Array(repeating: 7, count: 100), [9, 8]]

  init() throws { folder = try TemporaryFolder() }

  private func keep(_ pieces: [[UInt8]], in spool: Spool) throws -> [Spool.Place] {
    try pieces.map { piece in try piece.withUnsafeBytes { try spool.keep($0) } }
  }

  private func bytes(_ spool: Spool, _ place: Spool.Place) throws -> [UInt8]? {
    try spool.bytes(at: place).map { Array($0.bytes) }
  }

  /// One behind the other, also for who only reads.
  @Test func comeBack() throws {
    let spool = try Spool(path, for: "out.h5", beginsWriteback: false)
    let places = try keep(Self.pieces, in: spool)
    #expect(places.map(\.offset) == [0, 3, 3, 103])
    #expect(places.map(\.byteCount) == [3, 0, 100, 2])
    let reading = try Spool(reading: path)
    for (piece, place) in zip(Self.pieces, places) {
      #expect(try bytes(spool, place) == piece)
      #expect(try bytes(reading, place) == piece)
    }
  }

  /// Who goes on writes behind whatever is there.
  @Test(arguments: [0, 1, 50, 102]) func whatIsAddedComesBehind(lost: Int) throws {
    let places = try keep(Self.pieces, in: Spool(path, for: "out.h5", beginsWriteback: false))
    let whole = try folder.bytes("spool")
    try whole.dropLast(lost).write(to: URL(fileURLWithPath: path))
    let spool = try Spool(path, for: "out.h5", beginsWriteback: false)
    let added = try keep([[4, 5, 6]], in: spool)
    #expect(added.map(\.offset) == [Int64(105 - lost)])
    #expect(try bytes(spool, added[0]) == [4, 5, 6])
    #expect(try bytes(spool, places[0]) == [1, 2, 3])
  }

  /// Of a file that ends too early, what it lacks is not there, and no error.
  @Test func whatIsLostIsNotThere() throws {
    let places = try keep(Self.pieces, in: Spool(path, for: "out.h5", beginsWriteback: false))
    let whole = try folder.bytes("spool")
    for length in [104, 103, 102, 3, 2, 0] {
      try whole.prefix(length).write(to: URL(fileURLWithPath: path))
      let spool = try Spool(reading: path)
      for (piece, place) in zip(Self.pieces, places) where !piece.isEmpty {
        let isThere = Int(place.offset) + piece.count <= length
        let expected: [UInt8]? = isThere ? piece : nil
        #expect(try bytes(spool, place) == expected, "\(place.offset) of \(length)")
      }
    }
  }

  /// Nor is what lies where nothing can.
  @Test func whatCannotBeIsNotThere() throws {
    let spool = try Spool(path, for: "out.h5", beginsWriteback: false)
    let place = try #require(try keep([[1, 2, 3]], in: spool).first)
    let others: [(offset: Int64, byteCount: Int)] = [
      (-1, 3), (0, -1), (4, 0), (1, 3), (0, .max), (.max, 3), (.max, .max), (0, 2),
    ]
    for other in others {
      var wrong = place
      (wrong.offset, wrong.byteCount) = (other.offset, other.byteCount)
      #expect(try bytes(spool, wrong) == nil, "\(other)")
    }
  }
}
