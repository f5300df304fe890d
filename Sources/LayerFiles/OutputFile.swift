import Configuration
import FileNames
import HDF5
import Parallel
import Synchronization
import SystemPackage

/// A file that appears under its name only when it is complete.
///
/// It is written in a workspace beside its place, closed with every error checked, and, if so wanted, handed to the
/// storage device; then it takes its name, atomically. Whatever goes wrong before, nothing is ever seen under that name.
package final class OutputFile: Sendable {
  /// The name that it gets, as the user gave it.
  package let path: String
  /// The file as far as it exists.
  private struct Contents {
    /// While the library has it open; nil if it was complete but for what is written around the library.
    let file: File?
    /// The same file for `pwrite`.
    let positional: PositionalFile
  }
  /// nil as long as only copies are kept, see `createLater`.
  private let contents = Guarded<Contents?>(nil)
  /// The file in its workspace, while the library has it open; nil if it was complete but for what is written around the library.
  package var file: File? { contents.withLock { $0?.file } }
  /// The file as it was created, where no earlier run's is continued.
  package var created: File {
    guard let file else { preconditionFailure("\(path) is another run's work") }
    return file
  }
  /// The same file for `pwrite`.
  package var positional: PositionalFile {
    guard let contents = contents.withLock({ $0 }) else { preconditionFailure("\(path) is created later") }
    return contents.positional
  }
  private let calls: any FileCalls
  let workspace: Workspace
  /// Where copies are kept of what is written, if the file has to be made again by a run that goes on; of a shard what is written
  /// by who finishes the output; else nil.
  package let spool: Spool?
  /// True if nothing but copies is kept before the last shard is done.
  private let createsLater: Bool
  /// What an earlier run of the same job finished; nil if this one begins.
  package let unfinished: Ledger?
  /// The file that gets the name: `path`, or what it leads to as a symbolic link.
  private let target: String
  private let replaces: Bool
  private let shard: Shard?
  private let synchronizes: Bool
  private let mayGo = Atomic<Bool>(false)

  /// What the name of the folder of an unfinished output ends with.
  package static let workspaceSuffix = Workspace.suffix

  /// What a file is.
  package enum Format: Sendable {
    /// The library creates it, and `created` is that.
    case hdf5
    /// Any bytes, which `positional` writes.
    case bytes
  }

  /// Takes the workspace, and creates the file in it or goes on with that of an earlier run.
  /// - Parameters:
  ///   - inputs: the input files, none of which must be the output.
  ///   - replaces: true if an existing output may be replaced, and an unfinished one, too.
  ///   - byteCount: about how large the output becomes.
  ///   - spools: true if a run that goes on has to make the file again, because the library lays out what is in it.
  ///   - shard: what this process does of it; nil if it does everything.
  ///   - waits: called again and again while another process works on the shard; nil to refuse that.
  ///   - synchronizes: false to leave it to the system when the storage device gets the data.
  ///   - differences: in what the job that an earlier run wrote down differs from this one; nil if it cannot be read at all.
  package init(
    path: String, inputs: [String], replaces: Bool, byteCount: Int, format: Format = .hdf5,
    spools: Bool = false, shard: Shard? = nil, waits: (() throws(StreamError) -> Void)? = nil,
    synchronizes: Bool = true,
    differences: (_ job: [UInt8]) -> [StreamError.JobDifference]? = { _ in [.unknown] }
  ) throws(StreamError) {
    let calls = FileLayer.current
    try Self.check(path: path, inputs: inputs, replaces: replaces)
    self.calls = calls
    self.path = path
    self.replaces = replaces
    self.synchronizes = synchronizes
    target = Self.target(of: path, calls)
    self.shard = shard
    createsLater = spools && shard != nil
    workspace = try Workspace(for: target, path: path, shard: shard, waits: waits, calls)
    do throws(StreamError) {
      // It may have been finished while this process waited.
      try Self.check(path: path, inputs: inputs, replaces: replaces)
    } catch {
      if workspace.isGone { workspace.remove() }
      throw error
    }
    if shard != nil { _ = try workspace.beginSetup(for: path) }
    if !replaces, let job = try workspace.job(spools: spools), let differences = differences(job) {
      guard differences.isEmpty else {
        throw .workspaceOfAnotherJob(path: path, workspace: workspace.folder, differences: differences)
      }
      let ledger = try workspace.ledger(for: path)
      // Without its first record nobody knows where anything lies.
      if try ledger.hasRecord() {
        unfinished = ledger
        spool =
          spools || shard != nil ? try workspace.spool(for: path, beginsWriteback: synchronizes) : nil
        if !createsLater { try open(format, isNew: spools) }
        workspace.noteContinued()
        workspace.endSetup()
        return
      }
    }
    unfinished = nil
    do throws(StreamError) {
      try workspace.empty(for: path)
      try Self.checkSpace(path: path, byteCount: byteCount, calls)
      spool = spools || shard != nil ? try workspace.spool(for: path, beginsWriteback: synchronizes) : nil
      if !createsLater { try open(format, isNew: true) }
    } catch {
      // Other shards may be waiting.
      if shard == nil { workspace.remove() }
      throw error
    }
    mayGo.store(shard == nil, ordering: .releasing)
  }

  /// Opens the file in its workspace.
  /// - Parameter isNew: true to create it.
  private func open(_ format: Format, isNew: Bool) throws(StreamError) {
    let file = isNew && format == .hdf5 ? try Self.created(in: workspace, for: path) : nil
    let positional = try PositionalFile(
      writing: workspace.data, for: path, creates: format == .bytes, beginsWriteback: synchronizes)
    contents.withLock { $0 = Contents(file: file, positional: positional) }
  }

  /// Creates the file where so far only copies were kept. While `beginFinish` holds.
  package func createLater() throws(StreamError) { if createsLater { try open(.hdf5, isNew: true) } }

  /// Creates the file. The library does so itself: a file that it only empties would take long to close, see
  /// `File.init(creatingNew:)`.
  private static func created(in workspace: Workspace, for path: String) throws(StreamError) -> File {
    do throws(Errno) {
      try workspace.removeData()
    } catch {
      throw .outputNotCreated(path: path, error)
    }
    do throws(HDF5Error) {
      return try File(creatingNew: workspace.data)
    } catch {
      throw .libraryWriteFailed(path: path, error)
    }
  }

  deinit { if mayGo.load(ordering: .acquiring) { workspace.remove() } }

  /// Writes down which job the output is of: from now on a later run can go on with it, unless `giveUp` is called.
  /// - Returns: where to say what is finished.
  package func begin(job: [UInt8], _ records: [[UInt8]]) throws(StreamError) -> Ledger {
    let ledger = try workspace.ledger(for: path)
    try synchronizeForRecords()
    try ledger.append(records, synchronizes: synchronizes)
    try workspace.write(job: job, for: path, synchronizes: synchronizes)
    if synchronizes { synchronize(folder: workspace.folder) }
    mayGo.store(false, ordering: .releasing)
    workspace.endSetup()
    return ledger
  }

  /// True if another process has finished the output.
  package var isGone: Bool { workspace.isGone }

  /// Waits until no other process finishes the output.
  /// - Returns: false if one has.
  package func beginFinish() throws(StreamError) -> Bool {
    try workspace.beginSetup(for: path) { workspace.isGone }
  }

  /// Lets others finish it.
  package func endFinish() { workspace.endSetup() }

  /// What is recorded must be there first.
  package func synchronizeForRecords() throws(StreamError) {
    guard synchronizes else { return }
    try spool?.synchronize()
    // What is made again need not be there.
    if spool == nil || shard != nil && !createsLater { try positional.synchronize() }
  }

  /// The folder with what is unfinished.
  package var workspaceFolder: String { workspace.folder }

  /// The folder with what is unfinished, if a later run can go on with it.
  package var resumableFolder: String? { mayGo.load(ordering: .acquiring) ? nil : workspace.folder }

  /// Lets the unfinished output go: no later run can go on with it.
  package func giveUp() { if shard == nil { mayGo.store(true, ordering: .releasing) } }

  /// Writes a whole file of bytes, which appears under its name when it is complete.
  /// - Parameters:
  ///   - inputs: the input files, none of which must be the output.
  ///   - replaces: true if an existing file may be replaced.
  package static func write(
    _ bytes: [UInt8], to path: String, inputs: [String], replaces: Bool
  ) throws(StreamError) {
    let output = try OutputFile(
      path: path, inputs: inputs, replaces: replaces, byteCount: bytes.count, format: .bytes)
    let outcome = bytes.withUnsafeBytes { bytes in
      Result { () throws(StreamError) in try output.positional.write(at: 0, from: bytes) }
    }
    try outcome.get()
    try output.complete()
  }

  /// Refuses an output that is, whatever it is called, one of the files that are read.
  package static func check(path: String, isNoneOf inputs: [String]) throws(StreamError) {
    let calls = FileLayer.current
    guard let output = calls.status(at: path) else { return }
    for input in inputs {
      if let status = calls.status(at: input), output.isSameFile(as: status) {
        throw .sameFile(input: input, output: path)
      }
    }
  }

  /// Refuses an output that cannot be: the input itself, an existing file, a folder, or a file in no folder.
  package static func check(path: String, inputs: [String], replaces: Bool) throws(StreamError) {
    let calls = FileLayer.current
    try check(path: path, isNoneOf: inputs)
    if let output = calls.status(at: path) {
      if output.isFolder { throw .outputIsFolder(path: path) }
      // Renaming onto a device or a pipe would remove it.
      guard output.isRegularFile else { throw .outputIsSpecial(path: path) }
      if !replaces { throw .outputExists(path: path) }
    } else if calls.isLink(path), !replaces {
      // It leads nowhere, but the output cannot have its name all the same.
      throw .outputExists(path: path)
    }
    if calls.nameIsTooLong(path) { throw .outputNotCreated(path: path, .fileNameTooLong) }
    let folder = folder(of: target(of: path, calls))
    guard calls.status(at: folder)?.isFolder == true else {
      throw .outputFolderMissing(path: path, folder: folder)
    }
    do {
      try calls.uninterrupted { calls throws(Errno) in try calls.checkWritable(folder) }
    } catch {
      throw .outputNotCreated(path: path, error)
    }
  }

  /// Removes what a run left behind that was killed between giving the output its name and taking its workspace away.
  package static func removeLeftover(of path: String) {
    let calls = FileLayer.current
    let target = target(of: path, calls)
    guard let output = calls.status(at: target),
      calls.status(at: Workspace.folder(for: target))?.isFolder == true,
      let workspace = try? Workspace(for: target, path: path, calls)
    else { return }
    // Any other file is of a run that began later.
    if calls.status(at: workspace.data)?.isSameFile(as: output) ?? true { workspace.remove() }
  }

  /// Where a symbolic link leads, so that an output that is one stays one; `path` itself if it is none.
  private static func target(of path: String, _ calls: any FileCalls) -> String {
    calls.isLink(path) ? (try? calls.resolved(path)) ?? path : path
  }

  /// The folder in which an output of this name is written until it is complete; it need not be there.
  package static func workspace(of path: String) -> String {
    Workspace.folder(for: target(of: path, FileLayer.current))
  }

  /// True if two names, of files that need not be there yet, are those of one file: the second to be written would replace the first.
  package static func areOne(_ first: String, _ second: String) -> Bool {
    let calls = FileLayer.current
    let (first, second) = (target(of: first, calls), target(of: second, calls))
    if let one = calls.status(at: first), let other = calls.status(at: second) {
      return one.isSameFile(as: other)
    }
    // Names are bytes.
    func name(_ path: String) -> [UInt8] {
      path.utf8.split(separator: UInt8(ascii: "/")).last.map(Array.init) ?? []
    }
    guard name(first) == name(second), let one = calls.status(at: folder(of: first)),
      let other = calls.status(at: folder(of: second))
    else { return false }
    return one.isSameFile(as: other)
  }

  /// Refuses an output that the file system has no room for, before hours of work.
  private static func checkSpace(
    path: String, byteCount: Int, _ calls: any FileCalls
  ) throws(StreamError) {
    let folder = folder(of: target(of: path, calls))
    guard let free = try? calls.freeByteCount(at: folder), free < byteCount else { return }
    throw .notEnoughSpace(path: path, need: byteCount, free: free)
  }

  /// Closes the file, waits for the storage device if it synchronizes, and gives the file its name.
  package func complete() throws(StreamError) {
    do {
      try file?.close()
    } catch {
      throw .libraryWriteFailed(path: path, error)
    }
    if synchronizes { try positional.synchronize() }
    if isForeign(workspace.data) { throw .outputTakenOver(path: path) }
    do throws(Errno) {
      try takeName()
    } catch .fileExists {
      throw .outputExists(path: path)
    } catch .noSuchFileOrDirectory {
      throw .outputTakenOver(path: path)
    } catch {
      throw .outputNotCreated(path: path, error)
    }
    if isForeign(target) {
      // Only a name that was free is this run's to take back.
      if !replaces { try? calls.remove(target) }
      throw .outputTakenOver(path: path)
    }
    workspace.remove()
    mayGo.store(false, ordering: .releasing)
    if synchronizes { synchronize(folder: Self.folder(of: target)) }
  }

  /// - Throws: `fileExists` if a file appeared under the name meanwhile that may not be replaced.
  private func takeName() throws(Errno) {
    func rename() throws(Errno) {
      try calls.uninterrupted { calls throws(Errno) in try calls.rename(workspace.data, to: target) }
    }
    if replaces {
      if let replaced = calls.status(at: target) { positional.takeOwnerAndMode(of: replaced) }
      return try rename()
    }
    do throws(Errno) {
      // Unlike rename, link does not replace a file.
      try calls.uninterrupted { calls throws(Errno) in try calls.link(workspace.data, to: target) }
    } catch  where Self.meansNoLinks.contains(error) {
      if calls.isTaken(target) { throw .fileExists }
      return try rename()
    }
  }

  /// True if a name is known to be that of another file than the one that was written: nothing but locks keeps others from the
  /// workspace.
  private func isForeign(_ name: String) -> Bool {
    guard let status = calls.status(at: name), let own = try? positional.status() else { return false }
    return !status.isSameFile(as: own)
  }

  /// What a file system without hard links says.
  private static let meansNoLinks: Set<Errno> = [
    .notPermitted, .notSupported, .notSupportedOnSocket, .noFunction, .tooManyLinks,
  ]

  /// Makes a new name itself durable. Some file systems cannot; the data is safe all the same.
  private func synchronize(folder path: String) {
    let folder = try? calls.uninterrupted { calls throws(Errno) in
      try calls.open(path, .readOnly, .closeOnExec, permissions: nil)
    }
    guard let folder else { return }
    try? calls.uninterrupted { calls throws(Errno) in try calls.synchronize(folder) }
    try? calls.close(folder)
  }

  private static func folder(of path: String) -> String {
    // A byte, for to Swift a slash before an accent is another character.
    guard let slash = path.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }
}
