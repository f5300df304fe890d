import FileNames
import HDF5
import Synchronization
import SystemPackage

/// A file that appears under its name only when it is complete.
///
/// It is written in a workspace beside its place, closed with every error checked, and, if so wanted, handed to the
/// storage device; then it takes its name, atomically. Whatever goes wrong before, nothing is ever seen under that name.
package final class OutputFile: Sendable {
  /// The name that it gets, as the user gave it.
  package let path: String
  /// The file in its workspace.
  package let file: File
  /// The same file for `pwrite`.
  package let positional: PositionalFile
  private let calls: any FileCalls
  private let workspace: Workspace
  /// The file that gets the name: `path`, or what it leads to as a symbolic link.
  private let target: String
  private let replaces: Bool
  private let synchronizes: Bool
  private let isComplete = Atomic<Bool>(false)

  /// Takes the workspace and creates the file in it.
  /// - Parameters:
  ///   - input: the input file, which must not be the output.
  ///   - replaces: true if an existing output may be replaced.
  ///   - byteCount: about how large the output becomes.
  ///   - synchronizes: false to leave it to the system when the storage device gets the data.
  package init(path: String, input: String, replaces: Bool, byteCount: Int, synchronizes: Bool = true)
    throws(StreamError)
  {
    let calls = FileLayer.current
    try Self.check(path: path, input: input, replaces: replaces)
    try Self.checkSpace(path: path, byteCount: byteCount, calls)
    self.calls = calls
    self.path = path
    self.replaces = replaces
    self.synchronizes = synchronizes
    target = Self.target(of: path, calls)
    workspace = try Workspace(for: target, path: path, calls)
    do {
      // The library creates it itself: a file that it only empties would take long to close, see `File.init(creatingNew:)`.
      file = try File(creatingNew: workspace.data)
    } catch {
      workspace.remove()
      throw .libraryWriteFailed(path: path, error)
    }
    do {
      positional = try PositionalFile(writing: workspace.data, for: path, beginsWriteback: synchronizes)
    } catch {
      workspace.remove()
      throw error
    }
  }

  deinit { if !isComplete.load(ordering: .acquiring) { workspace.remove() } }

  /// Refuses an output that cannot be: the input itself, an existing file, a folder, or a file in no folder.
  package static func check(path: String, input: String, replaces: Bool) throws(StreamError) {
    let calls = FileLayer.current
    if let output = calls.status(at: path) {
      if let status = calls.status(at: input), output.isSameFile(as: status) {
        throw .sameFile(input: input, output: path)
      }
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

  /// Where a symbolic link leads, so that an output that is one stays one; `path` itself if it is none.
  private static func target(of path: String, _ calls: any FileCalls) -> String {
    calls.isLink(path) ? (try? calls.resolved(path)) ?? path : path
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
      try file.close()
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
    isComplete.store(true, ordering: .releasing)
    if synchronizes { synchronizeFolder() }
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

  /// Makes the new name itself durable. Some file systems cannot; the data is safe all the same.
  private func synchronizeFolder() {
    let folder = try? calls.uninterrupted { calls throws(Errno) in
      try calls.open(Self.folder(of: target), .readOnly, .closeOnExec, permissions: nil)
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
