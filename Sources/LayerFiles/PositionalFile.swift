import BatchNorm
import HDF5
import Parallel
import SystemPackage

/// A file that is read and written at positions, by several threads at once: `pread` and `pwrite`.
///
/// All reading and writing of file contents passes here, and from here `FileCalls`. No memory mapping: a truncated file or a full disk would be a SIGBUS
/// instead of an error.
package final class PositionalFile: Sendable {
  /// As the user gave it, for messages.
  package let path: String
  private let calls: any FileCalls
  private let descriptor: FileDescriptor
  private let beginsWriteback: Bool

  /// No single request is larger; Linux itself stops at 2 GiB - 4 KiB.
  private static let largestRequest = 1 << 30
  /// Larger writes take several times the processor's time in Linux's page cache, and other writers of the file wait.
  private static let largestWrite = 1 << 20

  /// Opens a file for reading.
  package init(reading path: String) throws(StreamError) {
    self.path = path
    beginsWriteback = false
    calls = FileLayer.current
    descriptor = try Self.open(path, .readOnly, [], calls) {
      $0 == .noSuchFileOrDirectory ? .noSuchInput(path: path) : .inputUnreadable(path: path, $0)
    }
  }

  /// Opens a file for writing.
  /// - Parameters:
  ///   - temporaryPath: the name that it has now.
  ///   - path: the name that it will have.
  ///   - creates: true for a file that must not exist yet; false for one that does.
  ///   - beginsWriteback: true to have what is written brought to the storage device meanwhile, so that `synchronize` has
  ///     little left to wait for.
  package init(
    writing temporaryPath: String, for path: String, creates: Bool = false, beginsWriteback: Bool
  ) throws(StreamError) {
    self.path = path
    self.beginsWriteback = beginsWriteback
    calls = FileLayer.current
    descriptor = try Self.open(
      temporaryPath, .readWrite, creates ? [.create, .exclusiveCreate] : [], calls
    ) { .outputNotCreated(path: path, $0) }
  }

  /// Opens a file that grows, which is made where it is missing.
  /// - Parameters:
  ///   - path: where it is. Not through a symbolic link, which may be somebody else's.
  ///   - output: the output that it belongs to, for messages.
  init(growing path: String, for output: String, beginsWriteback: Bool) throws(StreamError) {
    self.path = output
    self.beginsWriteback = beginsWriteback
    calls = FileLayer.current
    descriptor = try Self.open(path, .readWrite, [.create, .noFollow], calls) {
      .outputNotCreated(path: output, $0)
    }
  }

  private static func open(
    _ path: String, _ mode: FileDescriptor.AccessMode, _ options: FileDescriptor.OpenOptions,
    _ calls: any FileCalls, _ meaning: (Errno) -> StreamError
  ) throws(StreamError) -> FileDescriptor {
    do {
      return try calls.uninterrupted { calls throws(Errno) in
        try calls.open(
          path, mode, options.union(.closeOnExec),
          permissions: options.contains(.create) ? FilePermissions(rawValue: 0o666) : nil)
      }
    } catch {
      throw meaning(error)
    }
  }

  deinit { try? calls.close(descriptor) }

  /// Reads until `buffer` is full.
  ///
  /// The corresponding C function is `pread`.
  ///
  /// - Throws: `inputTruncated` with the name `dataset` if the file ends before.
  package func read(at offset: Int64, into buffer: UnsafeMutableRawBufferPointer, dataset: String)
    throws(StreamError)
  {
    var rest = buffer[...]
    while !rest.isEmpty {
      let request = UnsafeMutableRawBufferPointer(rebasing: rest.prefix(Self.largestRequest))
      let place = offset + Int64(rest.startIndex - buffer.startIndex)
      let count: Int
      do {
        count = try calls.read(descriptor, at: place, into: request)
      } catch .interrupted {
        continue
      } catch {
        throw .readFailed(path: path, error)
      }
      if count == 0 { throw .inputTruncated(path: path, dataset: dataset) }
      rest = rest.dropFirst(count)
    }
  }

  /// So many bytes from a place on.
  /// - Throws: as `read(at:into:dataset:)`.
  func bytes(at offset: Int64 = 0, count: Int, dataset: String) throws(StreamError) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: count)
    let outcome: Result<Void, StreamError> = bytes.withUnsafeMutableBytes { buffer in
      Result { () throws(StreamError) in try read(at: offset, into: buffer, dataset: dataset) }
    }
    try outcome.get()
    return bytes
  }

  /// Writes all of `buffer`.
  ///
  /// The corresponding C functions are `pwrite`, and Linux's `sync_file_range`, a hint whose failure changes nothing.
  package func write(at offset: Int64, from buffer: UnsafeRawBufferPointer) throws(StreamError) {
    var rest = buffer[...]
    while !rest.isEmpty {
      let request = UnsafeRawBufferPointer(rebasing: rest.prefix(Self.largestWrite))
      let place = offset + Int64(rest.startIndex - buffer.startIndex)
      do {
        rest = rest.dropFirst(try calls.write(descriptor, at: place, from: request))
      } catch .interrupted {
        continue
      } catch {
        throw .writeFailed(path: path, error)
      }
    }
    // A length of 0 would mean all of the file.
    if beginsWriteback, !buffer.isEmpty {
      calls.beginWriteback(descriptor, offset: offset, byteCount: Int64(buffer.count))
    }
  }

  /// Gives the whole file its place on the storage device, so that a full disk shows before hours of work, not after, and
  /// writing need not look for it.
  ///
  /// The corresponding C function is `fallocate`, where the file system has it.
  package func allocate() throws(StreamError) {
    let size = Int64(try status().size)
    try writing { calls, descriptor throws(Errno) in try calls.allocate(descriptor, byteCount: size) }
  }

  /// Gives the file the owner, the group and the mode of another one, as far as this process may.
  func takeOwnerAndMode(of other: FileStatus) {
    try? calls.uninterrupted { calls throws(Errno) in try calls.setOwnerAndMode(descriptor, of: other) }
  }

  /// Waits until the storage device has everything.
  ///
  /// The corresponding C function is `fsync`.
  package func synchronize() throws(StreamError) {
    try writing { calls, descriptor throws(Errno) in try calls.synchronize(descriptor) }
  }

  private func writing(
    _ call: (any FileCalls, FileDescriptor) throws(Errno) -> Void
  ) throws(StreamError) {
    do {
      try calls.uninterrupted { calls throws(Errno) in try call(calls, descriptor) }
    } catch {
      throw .writeFailed(path: path, error)
    }
  }

  /// Tells the kernel that the file will be read from front to back, so that it reads ahead further.
  ///
  /// The corresponding C function is `posix_fadvise`. A hint: its failure changes nothing.
  package func adviseSequentialReading() { calls.adviseSequentialReading(descriptor) }

  /// What has the file's name now: the file itself, unless another one took its place. nil if nothing has it.
  package func statusOfName() -> FileStatus? { calls.status(at: path) }

  /// Size, identity and time of the last change.
  package func status() throws(StreamError) -> FileStatus {
    do {
      return try calls.uninterrupted { calls throws(Errno) in try calls.status(descriptor) }
    } catch {
      throw .readFailed(path: path, error)
    }
  }
}

/// Contiguous data, read around the library with `pread`: no lock, no copy.
struct ContiguousReader: TensorReader {
  let file: PositionalFile
  /// The first byte.
  let offset: Int64
  let type: NumericType
  /// Of a sample.
  let layout: FeatureLayout
  let dataset: String

  var suitsStretches: Bool { true }

  func read(_ part: TensorPart, into buffer: UnsafeMutableRawBufferPointer, clock: StageClock) throws {
    try clock.measure(.read) {
      try layout.forEachExtent(of: part, elementByteCount: type.byteCount) { place, bytes in
        try file.read(
          at: offset + place, into: UnsafeMutableRawBufferPointer(rebasing: buffer[bytes]), dataset: dataset)
      }
    }
  }
}

/// A contiguous dataset, written around the library with `pwrite`.
struct ContiguousWriter: TensorWriter {
  let file: PositionalFile
  /// The first byte; nil if the dataset is empty.
  let offset: Int64?
  /// Of a row.
  let layout: FeatureLayout
  let elementByteCount: Int
  let clock: StageClock

  var suitsStretches: Bool { true }

  func write(_ part: TensorPart, from buffer: UnsafeRawBufferPointer) throws {
    guard let offset else { return }
    try clock.measure(.write) {
      try layout.forEachExtent(of: part, elementByteCount: elementByteCount) { place, bytes in
        try file.write(at: offset + place, from: UnsafeRawBufferPointer(rebasing: buffer[bytes]))
      }
    }
  }
}

extension FeatureLayout {
  /// Calls `body` for each run of bytes that a part has in a tensor that lies in one piece: one for whole samples, else one for
  /// each position row.
  /// - Parameter body: is told where the bytes lie in the tensor, and where in the part.
  package func forEachExtent(
    of part: TensorPart, elementByteCount: Int, _ body: (Int64, Range<Int>) throws -> Void
  ) rethrows {
    let rowBytes = featureCount * planeLength * elementByteCount
    let rows = part.samples.lowerBound * positionRows..<part.samples.upperBound * positionRows
    if part.features.count == featureCount {
      if !rows.isEmpty { try body(Int64(rows.lowerBound) * Int64(rowBytes), 0..<rows.count * rowBytes) }
      return
    }
    let partBytes = part.features.count * planeLength * elementByteCount
    let first = part.features.lowerBound * planeLength * elementByteCount
    for (index, row) in rows.enumerated() {
      try body(Int64(row) * Int64(rowBytes) + Int64(first), index * partBytes..<(index + 1) * partBytes)
    }
  }
}
