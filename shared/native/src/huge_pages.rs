//! Pages of 2 MiB instead of 4 KiB, for memory with random access.

/// Returns an empty vector with room for `capacity` elements, and asks Linux to use huge pages for it.
///
/// argon2id reads its 19 MiB at random. On small pages the processor looks up the page of each access again
/// and again, and the first hash waits for the system to provide 4,864 pages. The request is only a hint: if
/// the system has no huge pages, or none left, the vector is like any other. `madvise(2)`, `MADV_HUGEPAGE`.
pub fn vec_on_huge_pages<T>(capacity: usize) -> Vec<T> {
    let mut memory = Vec::with_capacity(capacity);
    #[cfg(target_os = "linux")]
    advise(memory.spare_capacity_mut());
    memory
}

#[cfg(target_os = "linux")]
#[expect(unsafe_code, reason = "rustix leaves it to its caller what the advice does to the memory")]
fn advise<T>(room: &mut [std::mem::MaybeUninit<T>]) {
    use rustix::mm::{Advice, madvise};

    let page = rustix::param::page_size();
    // Only whole pages count, because the rest of a partial page belongs to other data.
    let before = room.as_ptr().cast::<u8>().align_offset(page);
    let length = size_of_val(room).saturating_sub(before) / page * page;
    if length == 0 {
        return;
    }
    let start = room.as_mut_ptr().wrapping_byte_add(before).cast();
    // SAFETY: the range lies within `room`, which nobody else uses at the same time. The advice only changes
    // which pages the system uses for it, never their content.
    let _ = unsafe { madvise(start, length, Advice::LinuxHugepage) };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn has_the_room_asked_for() {
        for capacity in [0, 1, 100, 1 << 22] {
            let mut memory = vec_on_huge_pages::<u64>(capacity);
            assert!(memory.is_empty());
            assert!(memory.capacity() >= capacity);
            memory.resize(capacity, 7);
            assert!(memory.iter().all(|element| *element == 7));
        }
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn linux_is_asked_for_huge_pages_where_it_has_them() {
        let has_them = std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists();
        let memory = vec_on_huge_pages::<u8>(64 << 20);
        let middle = memory.as_ptr().addr() + (32 << 20);
        assert_eq!(flags_at(middle).split(' ').any(|flag| flag == "hg"), has_them);
    }

    /// Returns the flags of the mapping that contains `address`, as `proc_pid_smaps(5)` lists them.
    #[cfg(target_os = "linux")]
    fn flags_at(address: usize) -> String {
        let maps = std::fs::read_to_string("/proc/self/smaps").unwrap();
        let holds = |line: &&str| {
            let range = line.split(' ').next().and_then(|range| range.split_once('-'));
            range.is_some_and(|(start, end)| {
                let bound = |text| usize::from_str_radix(text, 16);
                matches!((bound(start), bound(end)), (Ok(start), Ok(end)) if (start..end).contains(&address))
            })
        };
        let mut mapping = maps.lines().skip_while(|line| !holds(line));
        mapping.find_map(|line| line.strip_prefix("VmFlags: ")).unwrap_or_default().to_owned()
    }
}
