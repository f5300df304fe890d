import LayerFiles

/// The first record of a ledger: where the datasets of each layer begin in the file.
struct DatasetPlaces {
  /// For each layer; nil for an empty dataset, absent for a chunked one.
  let offsets: [[LayerResult: Int64?]]

  private static let kind = 1

  init(_ offsets: [[LayerResult: Int64?]]) { self.offsets = offsets }

  var bytes: [UInt8] {
    var writer = RecordWriter()
    writer.append(Self.kind)
    writer.append(offsets.count)
    for offsets in offsets {
      for result in LayerResult.allCases {
        writer.append(offsets[result].map { $0.map(Int.init) ?? -1 } ?? -2)
      }
    }
    return writer.bytes
  }

  /// - Throws: `RecordReader.Malformed` if it is no such record.
  init(_ bytes: [UInt8], _ layers: [Layer]) throws {
    var reader = RecordReader(bytes)
    guard try reader.number() == Self.kind, try reader.number() == layers.count else {
      throw RecordReader.Malformed()
    }
    offsets = try layers.map { _ in
      var offsets: [LayerResult: Int64?] = [:]
      for result in LayerResult.allCases {
        let offset = try reader.number()
        if offset >= -1 { offsets.updateValue(offset < 0 ? nil : Int64(offset), forKey: result) }
      }
      return offsets
    }
  }
}
