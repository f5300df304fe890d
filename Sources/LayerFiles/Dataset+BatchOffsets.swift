import HDF5

extension Dataset {
  /// Where batches begin in a file, and the end: whole numbers from 0 to the number of samples, none of which is less than the one before.
  /// - Parameters:
  ///   - file: its name, for messages.
  ///   - storage: makes sure that the file has them.
  /// - Throws: `StreamError.offsetsInvalid`, `HDF5Error`.
  func readBatchOffsets(sampleCount: Int, file: String, storage: StorageCheck) throws -> [Int] {
    func invalid(_ problem: StreamError.OffsetsProblem) -> StreamError {
      .offsetsInvalid(file: file, dataset: path, problem: problem)
    }
    guard let format = NumberFormat(type, readsUInt16AsBFloat16: false),
      !format.type.kind.isFloat
    else {
      throw invalid(.notIntegers(type: type.description))
    }
    guard let length = vectorLength else { throw invalid(.notAVector(shape: shape)) }
    guard length >= 1 else { throw invalid(.tooFew(count: length)) }
    try storage.check(self)
    // A file can state any number of entries without holding them; what was never written ends with a 0.
    if elementCount > Self.fewOffsets {
      let last = try lastInteger()
      if last != sampleCount { throw invalid(.lastIsNotSampleCount(last: last, samples: sampleCount)) }
    }
    let offsets = try readIntegers()
    if let first = offsets.first, first != 0 { throw invalid(.firstIsNotZero(first)) }
    for index in offsets.indices.dropFirst() where offsets[index] < offsets[index - 1] {
      throw invalid(.decreases(index: index, from: offsets[index - 1], to: offsets[index]))
    }
    if let last = offsets.last, last != sampleCount {
      throw invalid(.lastIsNotSampleCount(last: last, samples: sampleCount))
    }
    return offsets
  }

  /// So many boundaries are read without looking at the last one first.
  private static let fewOffsets = 1 << 20

  private func lastInteger() throws -> Int {
    var last: Int64 = 0
    try withUnsafeMutableBytes(of: &last) {
      try read(vector: elementCount - 1..<elementCount, as: .int64, into: $0)
    }
    return Int(last)
  }
}
