// SPDX-License-Identifier: Apache-2.0

import CSupport

/// Tells of files that come to be in folders. One descriptor, however many folders. For one thread at a time.
package struct FolderWatch: ~Copyable {
    private let descriptor: Descriptor

    /// What has happened in a folder, by its number.
    package enum News {
        case file(folder: Int32, name: String)
        /// The folder is no more, and nothing more is told of it.
        case gone(folder: Int32)
        /// More has happened than the system keeps, in any of them.
        case lost
    }

    /// Throws when the system has none left (`fs.inotify.max_user_instances`).
    package init() throws(LinkError) { descriptor = try Descriptor(checking: oro_folder_watch(), "inotify_init1") }

    /// Readable when there is something to ``read(_:)``.
    package var number: Int32 { descriptor.number }

    /// The folder's number; the same when it is added again. `nil`: the system cannot watch it.
    package func add(_ path: String) -> Int32? {
        let folder = unsafe oro_folder_watch_add(descriptor.number, path)
        return folder < 0 ? nil : folder
    }

    package func remove(_ folder: Int32) { oro_folder_watch_remove(descriptor.number, folder) }

    /// Calls `body` with what has happened, some 64 things. False: there is nothing more.
    package func read(_ body: (News) -> Void) -> Bool {
        unsafe withUnsafeTemporaryAllocation(of: oro_folder_news.self, capacity: Int(ORO_FOLDER_NEWS)) { news in
            // The buffer outlives the call and has room for as many.
            let count = unsafe oro_folder_watch_read(descriptor.number, news.baseAddress)
            if count <= 0 { return false }
            for index in 0..<Int(count) {
                let one = unsafe news[index]
                switch Int(one.what) {
                case ORO_FOLDER_GONE: body(.gone(folder: one.folder))
                case ORO_FOLDER_LOST: body(.lost)
                default:
                    // Ended by a zero.
                    let name = unsafe withUnsafeBytes(of: one.name) { bytes in
                        unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
                    }
                    body(.file(folder: one.folder, name: name))
                }
            }
            return true
        }
    }
}
