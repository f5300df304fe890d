import BatchNorm
import BatchNormReference
import Testing

/// Moments as bytes: what they look like, and that no other bytes are taken for moments.
@Suite(.timeLimit(.minutes(30))) struct MomentRecordTests {
  /// Records of every kind, small enough to try every byte; and what reads one.
  private struct Sample {
    let name: String
    let record: [UInt8]
    let read: ([UInt8]) throws -> [UInt8]
  }

  private static func samples() -> [Sample] {
    let shapes: [(FeatureLayout, Int)] = [
      (FeatureLayout(positionRows: 1, featureCount: 3, planeLength: 1), 2 * 8192 + 37),
      (FeatureLayout(positionRows: 1, featureCount: 9, planeLength: 40), 3 * 128 + 1),
    ]
    return shapes.flatMap { layout, samples in
      [false, true].flatMap { isFull in
        var generator = SplitMix64(seed: 7)
        var batch = generator.batch(layout, samples: samples, type: .float)
        if isFull {
          batch.x[5] = .nan
          batch.x[batch.x.count - 1] = -.infinity
          batch.dy?[7] = .infinity
          batch.mask = (0..<samples * layout.valuesPerFeatureAndSample).map { UInt8($0 % 2) }
          batch.normalization = .running
        } else {
          batch.dy = nil
        }
        let tensors = BatchTensors(batch, .float)
        let collector = tensors.collector()
        tensors.add(0..<samples, to: collector)
        let part = collector.takePart()
        let result = tensors.result()
        tensors.add(0..<samples, to: collector)
        collector.finish(into: result)
        let name = "\(layout), \(isFull ? "everything" : "forward only")"
        return [
          Sample(name: "part of \(name)", record: part.record()) { bytes in
            let read = try PartialMoments(record: bytes, of: tensors.decomposition)
            // Whatever was read can be used.
            let again = try PartialMoments(record: read.record(), of: tensors.decomposition)
            #expect(again == read)
            let collector = tensors.collector()
            collector.begin(atLeaf: read.firstLeaf)
            try collector.append(read)
            collector.finish(into: BatchResult(tensors.decomposition, batch.rule, hasMask: read.hasMask))
            return read.record()
          },
          Sample(name: "result of \(name)", record: result.record()) { bytes in
            let read = tensors.result()
            try read.restore(from: bytes)
            return read.record()
          },
        ]
      }
    }
  }

  /// The least part: a value, one feature, which makes no wide row.
  @Test func bytesAreThoseOfTheFormat() throws {
    let layout = FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 1)
    let tensors = BatchTensors(Batch(layout, samples: 1, x: [2.5]), .float)
    let collector = tensors.collector()
    tensors.add(0..<1, to: collector)
    func little(_ number: UInt64) -> [UInt8] { withUnsafeBytes(of: number.littleEndian) { Array($0) } }
    var expected: [UInt8] = Array("BNMO".utf8) + [2, 1, 0, 0]
    expected += little(tensors.decomposition.fingerprint) + little(93)
    expected += little(0) + little(1) + [0]
    expected += [2.5, 0, 0, 0].flatMap { little($0.bitPattern) }
    expected += little(0) + little(0)
    #expect(collector.takePart().record() == expected.withCheck)
    // A change of the fingerprint makes all records of before unreadable.
    #expect(tensors.decomposition.fingerprint == 0x8F25_0E9E_7829_607A)
  }

  /// Rocksoft's test of CRC-32C, and RFC 3720's.
  @Test func theCheckIsTheKnownOne() {
    #expect(Array("123456789".utf8).check == 0xE306_9283)
    #expect([UInt8](repeating: 0, count: 32).check == 0x8A91_36AA)
  }

  /// What processors without an instruction for it do.
  @Test func theCheckByTablesIsTheSame() {
    let bytes = (0..<64).map { UInt8(truncatingIfNeeded: 37 * $0 + 11) }
    let words = bytes.withUnsafeBytes { Array($0.bindMemory(to: UInt64.self)) }
    #expect(~words.reduce(~0) { CRC32C.next($0, UInt64(littleEndian: $1)) } == bytes.check)
  }

  @Test func whatIsWrittenIsRead() throws {
    for sample in Self.samples() {
      #expect(try sample.read(sample.record) == sample.record, "\(sample.name)")
    }
  }

  // MARK: - Bytes that are no record

  @Test func everyTruncationIsAnError() throws {
    for sample in Self.samples() {
      for length in 0..<sample.record.count {
        let needed = length < 28 ? 28 : sample.record.count
        #expect(
          throws: MomentRecordError.truncated(byteCount: length, needed: needed), "\(sample.name), \(length)"
        ) { try sample.read(Array(sample.record.prefix(length))) }
      }
      #expect(
        throws: MomentRecordError.tooLong(
          byteCount: sample.record.count + 1, expected: sample.record.count)
      ) { try sample.read(sample.record + [0]) }
    }
  }

  @Test func everyFlippedBitIsAnError() throws {
    for sample in Self.samples() {
      for position in sample.record.indices {
        var bytes = sample.record
        bytes[position] ^= 1 << UInt8(position % 8)
        let error = #expect(throws: MomentRecordError.self, "\(sample.name), byte \(position)") {
          try sample.read(bytes)
        }
        switch (position, error) {
        case (0..<4, .wrongMagic), (4, .newerVersion), (4, .checksum), (16..<24, _), (5..<16, .checksum),
          (24..., .checksum):
          break
        default: Issue.record("\(sample.name), byte \(position): \(String(describing: error))")
        }
      }
    }
  }

  @Test func errorsSayWhatIsWrong() throws {
    let layout = FeatureLayout(positionRows: 1, featureCount: 2, planeLength: 1)
    let tensors = BatchTensors(Batch(layout, samples: 2, x: [1, 2, 3, 4]), .float)
    let collector = tensors.collector()
    tensors.add(0..<2, to: collector)
    let part = collector.takePart().record()
    func expect(
      _ error: MomentRecordError, _ bytes: [UInt8], sourceLocation: SourceLocation = #_sourceLocation
    ) {
      #expect(throws: error, sourceLocation: sourceLocation) {
        try PartialMoments(record: bytes, of: tensors.decomposition)
      }
    }
    expect(.truncated(byteCount: 0, needed: 28), [])
    expect(.wrongMagic, Array("HDF5".utf8) + part.dropFirst(4))
    expect(.newerVersion(3), part.with(3, at: 4))
    expect(.olderVersion(1), part.with(1, at: 4))
    expect(.invalid(.header), part.with(2, at: 6))
    expect(.invalid(.header), part.with(2, at: 7))
    expect(.anotherKind(2), part.with(2, at: 5))
    expect(.invalid(.length), part.with(1, at: 6))
    // Less than header and check.
    expect(.invalid(.length), part.with(27, at: 16))
    expect(.invalid(.samples), part.with(0x7F, at: 31))
    expect(.invalid(.samples), part.with(0x80, at: 39))
    // 2^19 leaves would have a node, whose moments are not there.
    expect(.invalid(.length), part.with(1, at: 36))
    expect(.invalid(.header), part.with(2, at: 40))
    // m2 = -2.
    expect(.invalid(.moments), part.with(0xC0, at: 41 + 4 * 8 + 7))
    // One feature with values that are not finite, and nothing of it.
    expect(.invalid(.length), part.with(1, at: 41 + 8 * 8))
    expect(.invalid(.nonfinite), part.with(3, at: 41 + 8 * 8))
    var wrongCheck = part
    wrongCheck[part.count - 4] ^= 1
    let check = Array(part.dropLast(4)).check
    expect(.checksum(found: check ^ 1, computed: check), wrongCheck)

    let other = Decomposition(FeatureLayout(positionRows: 2, featureCount: 2, planeLength: 1))
    #expect(
      throws: MomentRecordError.anotherDecomposition(
        found: tensors.decomposition.fingerprint, expected: other.fingerprint)
    ) { try PartialMoments(record: part, of: other) }
    let result = tensors.result()
    #expect(throws: MomentRecordError.anotherKind(1)) { try result.restore(from: part) }
    let masked = BatchResult(tensors.decomposition, tensors.batch.rule, hasMask: true)
    #expect(throws: MomentRecordError.anotherMask(found: false)) { try masked.restore(from: result.record()) }
    #expect(throws: MomentRecordError.anotherMask(found: true)) { try result.restore(from: masked.record()) }
    var given = tensors.batch
    given.normalization = .running
    let centered = BatchResult(tensors.decomposition, given.rule, hasMask: false)
    #expect(throws: MomentRecordError.anotherCenter(found: false)) {
      try centered.restore(from: result.record())
    }
    #expect(throws: MomentRecordError.anotherCenter(found: true)) {
      try result.restore(from: centered.record())
    }
  }

  /// Of one value, which is NaN, nothing else is said, and of no other feature; it might be an infinity instead.
  @Test func noMoreIsNotFiniteThanThereIs() throws {
    let layout = FeatureLayout(positionRows: 1, featureCount: 1, planeLength: 1)
    let tensors = BatchTensors(Batch(layout, samples: 1, x: [.nan]), .float)
    let collector = tensors.collector()
    tensors.add(0..<1, to: collector)
    let part = collector.takePart().record()
    // At the end, before the gradients' counts and the check: how many features, which one, and how many NaN, +∞ and -∞.
    let place = part.count - 4 - 8 - 5 * 8
    let (feature, nan, positive, negative) = (place + 8, place + 16, place + 24, place + 32)
    #expect([place, feature, nan, positive, negative].map { part[$0] } == [1, 0, 1, 0, 0])
    for bytes in [
      part.with(1, at: feature), part.with(0, at: nan), part.with(2, at: nan), part.with(1, at: positive),
      part.with(1, at: negative),
    ] {
      #expect(throws: MomentRecordError.invalid(.nonfinite)) {
        try PartialMoments(record: bytes, of: tensors.decomposition)
      }
    }
    for other in [positive, negative] {
      let infinite = part.with(0, at: nan).with(1, at: other)
      let read = try PartialMoments(record: infinite, of: tensors.decomposition)
      #expect(read.record() == infinite)
    }
  }

  /// The machine code changes no bit, so it is no part of the fingerprint; everything else is.
  @Test func fingerprintsTellDecompositionsApart() {
    var fingerprints: Set<UInt64> = []
    for rows in 1...4 {
      for features in 1...20 {
        for length in [1, 2, 3, 31, 32, 33, 5000] {
          let layout = FeatureLayout(positionRows: rows, featureCount: features, planeLength: length)
          fingerprints.insert(Decomposition(layout, kernels: .baseline).fingerprint)
          fingerprints.insert(Decomposition(layout, kernels: .wide).fingerprint)
        }
      }
    }
    #expect(fingerprints.count == 4 * 20 * 7)
  }

  /// A result that could not be restored is what it was.
  @Test func failedRestoringChangesNothing() throws {
    for sample in Self.samples() where sample.name.hasPrefix("result") {
      // Valid up to its last count.
      var bytes = sample.record
      bytes.removeLast(4)
      bytes[bytes.count - 1] = 0xFF
      #expect(throws: MomentRecordError.self) { try sample.read(bytes.withCheck) }
    }
    let layout = FeatureLayout(positionRows: 1, featureCount: 2, planeLength: 1)
    let tensors = BatchTensors(Batch(layout, samples: 2, x: [1, 2, 3, 4]), .float)
    let collector = tensors.collector()
    tensors.add(0..<2, to: collector)
    let result = tensors.result()
    collector.finish(into: result)
    result.overflowedOutputs = 3
    let record = result.record()
    var other = tensors.result().record()
    other[other.count - 5] = 1
    #expect(throws: MomentRecordError.invalid(.nonfinite)) { try result.restore(from: other.repaired) }
    #expect(result.record() == record)
  }

  /// Anything at all with a right checksum: an error, or moments that can be used. Never a crash.
  @Test(arguments: [1, 2, 3, UInt64.random(in: 1000..<UInt64.max)])
  func changedFieldsAreErrorsOrMoments(seed: UInt64) throws {
    var random = SplitMix64(seed: seed)
    let extremes: [UInt64] = [
      0, 1, 2, 7, 8, 255, 256, 1 << 31, 1 << 53, 1 << 62, .max >> 1, .max, Double.nan.bitPattern,
      Double.infinity.bitPattern, (-1.0).bitPattern,
    ]
    var (errors, values) = (0, 0)
    for sample in Self.samples() {
      for _ in 0..<400 {
        var bytes = sample.record
        for _ in 0..<Int.random(in: 1...3, using: &random) {
          switch Int.random(in: 0..<4, using: &random) {
          case 0: bytes[Int.random(in: bytes.indices, using: &random)] = .random(in: 0...255, using: &random)
          case 1:
            let position = Int.random(in: 0...bytes.count - 8, using: &random)
            bytes.set(extremes.randomElement(using: &random)!, at: position)
          case 2:
            // Numbers at the front decide how the rest is read.
            let position = [8, 16, 24, 32, 41][Int.random(in: 0..<5, using: &random)]
            bytes.set(extremes.randomElement(using: &random)!, at: position)
          default:
            let bound = Int.random(in: 29..<max(30, bytes.count), using: &random)
            bytes.removeSubrange(min(bound, bytes.count - 4)..<bytes.count - 4)
            bytes.set(UInt64(bytes.count), at: 16)
          }
          if bytes.count < 64 { break }
        }
        do {
          _ = try sample.read(bytes.repaired)
          values += 1
        } catch is MomentRecordError {
          errors += 1
        } catch {
          Issue.record("seed \(seed), \(sample.name): \(error)")
        }
      }
    }
    // Both happen, or the test would show nothing.
    #expect(errors > 100 && values > 100, "seed \(seed)")
  }
}

extension [UInt8] {
  /// CRC-32C, bit by bit.
  fileprivate var check: UInt32 {
    ~reduce(~UInt32(0)) { check, byte in
      (0..<8).reduce(check ^ UInt32(byte)) { check, _ in (check >> 1) ^ (check & 1 == 0 ? 0 : 0x82F6_3B78) }
    }
  }

  /// The bytes and their check.
  fileprivate var withCheck: [UInt8] { self + Swift.withUnsafeBytes(of: check.littleEndian) { [UInt8]($0) } }

  /// The same record with a right check.
  fileprivate var repaired: [UInt8] { count < 4 ? self : [UInt8](dropLast(4)).withCheck }

  /// The same record with another byte and a right check.
  fileprivate func with(_ byte: UInt8, at position: Int) -> [UInt8] {
    var bytes = self
    bytes[position] = byte
    return bytes.repaired
  }

  fileprivate mutating func set(_ number: UInt64, at position: Int) {
    for index in 0..<Swift.min(8, count - position) {
      self[position + index] = UInt8(truncatingIfNeeded: number >> UInt64(8 * index))
    }
  }
}
