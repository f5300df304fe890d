import Foundation
import HDF5
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(30))) struct FileTests {
  private func write(_ path: String) throws {
    let file = try File(creating: path)
    let group = try file.root.createGroup("conv1")
    try group.writeAttribute("batch_size", 4)
    try file.root.writeAttribute("version", "1.0")
    for (name, storage) in [
      ("contiguous", StorageRequest.contiguous),
      ("chunked", .chunked(shape: [3, 2], filters: [.shuffle, .deflate(level: 6)])),
    ] {
      let dataset = try group.createDataset(name, type: .float32, shape: [10, 3], storage: storage)
      try dataset.writeDoubles((0..<24).map { Double($0) } + [Double](repeating: 0, count: 6))
    }
    try file.close()
  }

  @Test func equalWritesGiveEqualBytes() async throws {
    let folder = try TemporaryFolder()
    try write(folder.path("a.h5"))
    // Longer than the library's clock, which counts seconds.
    try await Task.sleep(for: .milliseconds(1100))
    try write(folder.path("b.h5"))
    #expect(try folder.bytes("a.h5") == folder.bytes("b.h5"))
  }

  @Test func aFileOutlivesItsOwnerWhileADatasetIsInUse() throws {
    let folder = try TemporaryFolder()
    try write(folder.path())
    let dataset = try File(reading: folder.path()).root.dataset("conv1/chunked")
    #expect(try dataset.readDoubles()[5] == 5)
  }

  @Test func aClosedFileRefusesEverything() throws {
    let folder = try TemporaryFolder()
    try write(folder.path())
    let file = try File(reading: folder.path())
    let dataset = try file.root.dataset("conv1/contiguous")
    try file.close()
    try file.close()
    try dataset.close()
    #expect(throws: HDF5Error.self) { try dataset.readDoubles() }
    #expect(throws: HDF5Error.self) { try file.root.links() }
    #expect(throws: HDF5Error.self) { try file.flush() }
    #expect(throws: HDF5Error.self) { try file.fileSize }
    #expect(dataset.storage == .contiguous(offset: nil))
  }

  @Test func aFileIsOpenedAgainToBeWritten() throws {
    let folder = try TemporaryFolder()
    try write(folder.path())
    let file = try File(updating: folder.path())
    try file.root.dataset("conv1/contiguous").writeDoubles([Double](repeating: 7, count: 30))
    try file.close()
    #expect(try File(reading: folder.path()).root.dataset("conv1/contiguous").readDoubles()[29] == 7)
  }

  @Test func aFileForReadingIsNotWritten() throws {
    let folder = try TemporaryFolder()
    try write(folder.path())
    let file = try File(reading: folder.path())
    #expect(throws: HDF5Error.self) { try file.root.createGroup("new") }
    #expect(throws: HDF5Error.self) { try file.root.writeAttribute("new", 1) }
  }

  @Test func itsSizeIsThatOfTheFile() throws {
    let folder = try TemporaryFolder()
    try write(folder.path())
    #expect(try File(reading: folder.path()).fileSize == folder.bytes().count)
  }

  @Test func openedWithALock() throws {
    let folder = try TemporaryFolder()
    try write(folder.path())
    #expect(try !File(reading: folder.path()).openedWithoutLock)
  }

  @Test func tellsHDF5FromOthers() throws {
    let folder = try TemporaryFolder()
    try write(folder.path())
    try Data("no HDF5".utf8).write(to: folder.url.appending(path: "text"))
    #expect(try File.isHDF5(folder.path()))
    #expect(try !File.isHDF5(folder.path("text")))
    #expect(throws: HDF5Error.self) { try File.isHDF5(folder.path("missing")) }
  }

  /// Who else has the file may be about to let it go: for a fifth of a second it is asked again.
  @Test(arguments: [false, true]) func aLockIsWaitedForAWhile(updates: Bool) throws {
    let folder = try TemporaryFolder()
    try write(folder.path())
    let holder = open(folder.path(), O_RDWR)
    try #require(holder >= 0 && flock(holder, LOCK_EX | LOCK_NB) == 0)
    defer { close(holder) }
    let begin = ContinuousClock.now
    func file() throws -> File {
      updates ? try File(updating: folder.path()) : try File(reading: folder.path())
    }
    #expect(throws: HDF5Error.self) { try file() }
    #expect(begin.duration(to: .now) >= .milliseconds(200))
    flock(holder, LOCK_UN)
    #expect(try file().root.links().map(\.name) == ["conv1"])
  }
}
