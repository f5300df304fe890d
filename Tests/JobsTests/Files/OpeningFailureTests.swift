import Foundation
import HDF5
import SystemPackage
import TestSupport
import Testing

@testable import LayerFiles

/// What is said of a file that the HDF5 library does not open.
@Suite(.timeLimit(.minutes(30))) struct OpeningFailureTests {
  private func failure(_ bytes: Data, _ error: HDF5Error) throws -> (path: String, error: StreamError) {
    let folder = try TemporaryFolder()
    try bytes.write(to: folder.url.appending(path: "file.h5"))
    let file = try PositionalFile(reading: folder.path())
    let status = try file.status()
    return (folder.path(), StreamError.opening(file, status, error))
  }

  /// A superblock of version 3 says that the file was not closed, wherever one may begin, also at the very end of a damaged file; an older
  /// one has no flags.
  @Test(
    arguments: [
      (0, 3, 1, true), (512, 3, 1, true), (1024, 3, 1, true), (2048, 3, 5, true), (8192, 3, 5, true),
      (0, 3, 0, false), (2048, 3, 2, false), (0, 2, 1, false), (512, 0, 1, false), (700, 3, 1, false),
    ] as [(Int, UInt8, UInt8, Bool)])
  func unclosedFilesSayIt(offset: Int, version: UInt8, flags: UInt8, isOpen: Bool) throws {
    let signature: [UInt8] = [0x89, 0x48, 0x44, 0x46, 0x0D, 0x0A, 0x1A, 0x0A]
    let bytes = Data(count: offset) + Data(signature) + Data([version, 8, 8, flags])
    let damage = HDF5Error(function: "H5Fopen", attempt: "open it", stack: [])
    let found = try failure(bytes, damage)
    let expected: StreamError =
      isOpen ? .inputNotClosed(path: found.path) : .inputDamaged(path: found.path, damage)
    #expect(found.error == expected)
  }

  /// What the system forbids is the user's to allow; else it failed to read.
  @Test(arguments: [(13, true), (1, true), (5, false), (24, false)] as [(Int32, Bool)])
  func theSystemsErrors(number: Int32, isForbidden: Bool) throws {
    let detail = "unable to open file: name = 'x', errno = \(number), error message = 'y', flags = 0"
    let frame = HDF5Error.Frame(function: "H5FD__sec2_open", description: detail, detail: detail, line: 1)
    let found = try failure(Data(), HDF5Error(function: "H5Fopen", attempt: "open it", stack: [frame]))
    let errno = Errno(rawValue: number)
    let expected: StreamError =
      isForbidden ? .inputUnreadable(path: found.path, errno) : .readFailed(path: found.path, errno)
    #expect(found.error == expected)
  }
}
