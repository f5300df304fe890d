import BatchNorm
import Testing

/// Records under a mask and with diagnostics that cannot be: they are refused, and who was to become them stays what it was.
@Suite(.timeLimit(.minutes(30))) struct RestoredResultTests {
  /// Four values of one feature, of which three count.
  private static func tensors(_ x: [Double]) -> BatchTensors {
    var batch = Batch(
      FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 1), samples: x.count, x: x)
    batch.mask = [1, 1, 0, 1]
    return BatchTensors(batch, .double)
  }

  private static func result(_ tensors: BatchTensors) -> BatchResult {
    let (collector, result) = (tensors.collector(), tensors.result())
    tensors.add(0..<4, to: collector)
    result.take(collector)
    return result
  }

  /// Behind the header of 24 bytes and the 8 of the overflowed outputs lie three times a number of values, a flag, four Doubles and twice 8
  /// bytes: 57 bytes.
  @Test func aMaskedResultThatCannotBeChangesNothing() throws {
    let tensors = Self.tensors([1, 3, 5, 9])
    let record = Self.result(tensors).record()
    let (all, counted, weighed) = (32, 32 + 57, 32 + 2 * 57)
    try #require(record.count == 32 + 3 * 57 + 4)
    #expect([record[all], record[counted], record[weighed]] == [4, 3, 4])
    let kept = Self.result(Self.tensors([2, 2, 7, 4]))
    let before = kept.record()
    for (place, value, field) in [
      (counted, 5, .count), (weighed, 5, .count), (weighed + 49, 0xFF, .nonfinite),
    ] as [(Int, UInt8, MomentRecordError.Field)] {
      let bytes = record.with(value, at: place)
      #expect(throws: MomentRecordError.invalid(field), "byte \(place)") { try kept.restore(from: bytes) }
      #expect(kept.record() == before, "byte \(place)")
    }
    try kept.restore(from: record.with(4, at: counted))
    #expect(kept.all.count == 4 && kept.counted.count == 4)
  }

  /// Under a mask no more values of a part count than it has samples. Before their number lie header, first leaf, samples and a flag, the
  /// four Doubles of the rows that make no wide row, twice 8 bytes, and a flag.
  @Test func noMoreCountsThanThereIs() throws {
    let tensors = Self.tensors([1, 3, 5, 9])
    let collector = tensors.collector()
    tensors.add(0..<4, to: collector)
    let record = collector.takePart().record()
    let counted = 24 + 17 + 32 + 16 + 1
    try #require(record.count > counted + 8 && record[counted] == 3)
    let all = try PartialMoments(record: record.with(4, at: counted), of: tensors.decomposition)
    #expect(all.samples == 4 && all.hasMask)
    #expect(throws: MomentRecordError.invalid(.count)) {
      try PartialMoments(record: record.with(5, at: counted), of: tensors.decomposition)
    }
  }

  /// Eight bytes too many, of which header and check know.
  @Test func diagnosticsThatCannotBeChangeNothing() throws {
    func diagnosed(_ x: [Double]) -> BatchResult {
      var batch = Batch(
        FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 1), samples: 4, x: x)
      batch.dy = [1, 0, 0, x[3]]
      return DiagnosedBatch().run(batch)
    }
    let record = diagnosed([1, 3, 5, 9]).record()
    let kept = diagnosed([2, 2, 7, 4])
    let before = kept.record()
    let length = record.count + 8
    try #require(record.count < 248 && before != record)
    var longer = Array(record.dropLast(4)) + [UInt8](repeating: 0, count: 12)
    longer[16] = UInt8(length & 0xFF)
    longer[17] = UInt8(length >> 8)
    #expect(throws: MomentRecordError.invalid(.length)) { try kept.restore(from: longer.repaired) }
    #expect(kept.record() == before)
    try kept.restore(from: record)
    #expect(kept.record() == record)
  }
}

extension [UInt8] {
  /// The same record with a right check: CRC-32C, bit by bit.
  fileprivate var repaired: [UInt8] {
    let contents = [UInt8](dropLast(4))
    let check: UInt32 = ~contents.reduce(~UInt32(0)) { check, byte in
      (0..<8).reduce(check ^ UInt32(byte)) { check, _ in (check >> 1) ^ (check & 1 == 0 ? 0 : 0x82F6_3B78) }
    }
    return contents + Swift.withUnsafeBytes(of: check.littleEndian) { [UInt8]($0) }
  }

  /// The same record with another byte and a right check.
  fileprivate func with(_ byte: UInt8, at position: Int) -> [UInt8] {
    var bytes = self
    bytes[position] = byte
    return bytes.repaired
  }
}
