import type { MachineSpec } from "../../site/spec";
import { parseSize } from "../../talos/config/disk";

/** What is written to a disk from a rescue system, and to which one. */
export interface DiskImage {
  /** URL of the disk image: raw, or packed with xz, zstd or gzip. */
  readonly url: string;
  /** SHA-256 of the file behind the URL, in hex. @default - its length and the checksums inside of it have to do */
  readonly sha256?: string;
  /** The disk, as the site file chooses it; of several that fit, the first by serial number. */
  readonly disk: MachineSpec["disk"];
  /** Which machine stands there: from the second one on, a disk that carries Talos is written as well. @default 1 */
  readonly generation?: number;
  /** Host name of the rescue system; nothing is done under another. @default - any */
  readonly hostname?: string;
}

/**
 * The shell script that writes it. It runs in any POSIX shell with util-linux and curl. Nothing is written before the
 * whole image is there and sound; a second run finds what the first has written, and only restarts the machine.
 */
export function rescueScript({ url, sha256 = "", disk, generation = 1, hostname = "" }: DiskImage): string {
  return [
    `url=${quoted(url)} sha256=${quoted(sha256)} generation=${generation} hostname=${quoted(hostname)}`,
    `fits() { ${[...conditions(disk), "true"].join(" && ")}; }`,
    SCRIPT,
  ].join("\n");
}

/** Conditions of one line of lsblk, in the meaning of Talos' own selectors. */
function conditions(disk: MachineSpec["disk"]): readonly string[] {
  if ("serial" in disk) return [`[ "$(field SERIAL)" = ${quoted(disk.serial)} ]`];
  if ("wwid" in disk) return [`[ "$(field WWN | bare)" = "$(echo ${quoted(disk.wwid)} | bare)" ]`];
  const { type, model, size, busPath } = disk.selector;
  return [
    ...(type === undefined ? [] : [KINDS[type]]),
    ...(model === undefined ? [] : [`glob ${pattern(model)} "$(field MODEL)"`]),
    ...(busPath === undefined ? [] : [`glob ${pattern(busPath)} "$(bus)"`]),
    ...(size === undefined ? [] : [sizeCondition(size)]),
  ];
}

const KINDS = {
  hdd: '[ "$(field ROTA)" = 1 ]',
  nvme: '[ "$(field TRAN)" = nvme ]',
  sd: '[ "$(field TRAN)" = mmc ]',
  ssd: '[ "$(field ROTA)" = 0 ]',
} as const;

const COMPARISONS: Readonly<Record<string, string>> = { "<": "lt", "<=": "le", ">": "gt", ">=": "ge", "==": "eq" };

function sizeCondition(size: string): string {
  const parsed = parseSize(size);
  if (parsed === undefined) throw new Error(`unreachable: a checked site has no disk size ${size}`);
  const [, letter = "", binary] = /([kKMGT])(i?)B/.exec(parsed.unit) ?? [];
  const step = binary === "i" ? 1024n : 1000n;
  const bytes = BigInt(parsed.amount) * step ** BigInt(["", "K", "M", "G", "T"].indexOf(letter.toUpperCase()));
  return `[ "$(field SIZE)" -${COMPARISONS[parsed.comparison]} ${bytes} ]`;
}

/** A pattern as one word of the shell: `*` is the only sign that means more than itself. */
function pattern(text: string): string {
  return quoted(text.replace(/[?[\]\\]/g, "\\$&"));
}

function quoted(text: string): string {
  return `'${text.replace(/'/g, `'\\''`)}'`;
}

const SCRIPT = String.raw`
set -eu
fail() { echo "nothing was written: $*" >&2; exit 1; }
for tool in curl lsblk flock cmp dd; do
  command -v "$tool" >/dev/null || fail "this system has no $tool"
done
[ -z "$hostname" ] || [ "$(hostname)" = "$hostname" ] || fail "this is $(hostname), not the rescue system"

# A run that was cut off may still be writing: its end is waited for.
exec 9>/tmp/talos-install.lock
flock -w 900 9 || fail "another run has been writing for a quarter of an hour"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM

# Disks, one a line, and what is asked of a line.
lsblk -dnbP -o PATH,TYPE,RO,SIZE,ROTA,TRAN,MODEL,SERIAL,WWN >"$work/disks"
field() { printf ' %s\n' "$line" | sed -n "s/.* $1=\"\([^\"]*\)\".*/\1/p" | sed 's/ *$//'; }
bare() { tr 'A-Z' 'a-z' | sed 's/^0x//; s/^naa\.//; s/^eui\.//'; }
bus() { readlink -f "/sys/class/block/$(basename "$(field PATH)")" | sed 's|^/sys/devices||; s|/block/.*|/|'; }
glob() { case "$2" in $1) return 0 ;; esac; return 1; }
# Its configuration is what makes a Talos of a machine: a partition of that name is in the table of the disk.
configured() { head -c 65536 "$1" | tr -d '\000' | grep -aq STATE; }

while IFS= read -r line; do
  [ "$(field TYPE)" = disk ] && [ "$(field RO)" = 0 ] || continue
  path=$(field PATH)
  ! configured "$path" || echo "$path" >>"$work/configured"
  ! fits || printf '%s\t%s\t%s\t%s\n' "$(field SERIAL)" "$(field WWN)" "$path" "$(field SIZE)" >>"$work/fitting"
done <"$work/disks"
[ -s "$work/fitting" ] || fail "no disk fits; there are: $(cat "$work/disks")"
sort "$work/fitting" | head -n 1 >"$work/chosen"
disk=$(cut -f 3 "$work/chosen") size=$(cut -f 4 "$work/chosen")

if [ -s "$work/configured" ]; then
  others=$(grep -vxF "$disk" "$work/configured" || true)
  [ -z "$others" ] || fail "$others carries Talos with a configuration as well, and it would not know which is its own: wipe it"
  [ "$generation" -gt 1 ] || fail "$disk carries Talos with a configuration: raise the machine's generation if another machine shall take its place"
fi
if grep -q "^$disk[p0-9]* " /proc/mounts /proc/swaps; then fail "$disk is in use here"; fi

# A download that breaks off is taken up where it ended; its length is checked by curl.
for try in 1 2 3 4 5; do
  code=0
  curl --fail --silent --show-error --location --connect-timeout 30 --speed-limit 1024 --speed-time 120 \
    --continue-at - --output "$work/image" "$url" || code=$?
  [ "$code" != 0 ] || break
  # Refused, or from a server that cannot go on: what there is of it is worth nothing.
  case $code in 22 | 33) rm -f "$work/image" ;; esac
  sleep "$try"
done
[ "$code" = 0 ] || fail "$url did not come in five tries (curl ends with $code)"
[ -z "$sha256" ] || echo "$sha256  $work/image" | sha256sum -c - >/dev/null 2>&1 || fail "the digest of $url is another one"
case $(head -c 4 "$work/image" | od -An -tx1 | tr -d ' \n') in
  fd377a58) unpack='xz --decompress --stdout' test='xz --test' ;;
  28b52ffd) unpack='zstd --decompress --stdout --quiet' test='zstd --test --quiet' ;;
  1f8b*) unpack='gzip --decompress --stdout' test='gzip --test' ;;
  *) unpack=cat test=true ;;
esac
command -v "$(echo "$unpack" | cut -d ' ' -f 1)" >/dev/null || fail "this system cannot unpack it: $unpack"
# xz and gzip want to know a file by its name.
case $unpack in xz*) mv "$work/image" "$work/image.xz" ;; gzip*) mv "$work/image" "$work/image.gz" ;; zstd*) mv "$work/image" "$work/image.zst" ;; esac
image=$(ls "$work"/image*)
$test "$image" || fail "$url is damaged"
bytes=$($unpack "$image" | wc -c)
[ "$($unpack "$image" 2>/dev/null | head -c 520 | tail -c 8)" = "EFI PART" ] || fail "$url is no disk image"
[ "$bytes" -le "$size" ] || fail "$disk has $size bytes, the image $bytes"

same() { $unpack "$image" | cmp -s -n "$bytes" - "$disk"; }
if same; then
  echo "$disk has the image already"
else
  $unpack "$image" | dd of="$disk" bs=4M conv=fsync,notrunc status=none
  same || { echo "what is on $disk is not the image: run the same update again" >&2; exit 1; }
  echo "$bytes bytes are on $disk"
fi
sync
# After the answer: a connection that breaks would count as a failure.
nohup sh -c 'sleep 2; reboot' >/dev/null 2>&1 9>&- &
`.trim();
