-- The Table port in SQLite's dialect: the same for Cloudflare D1 and for a local file.

-- STRICT ensures that a column never holds a value of another type. Text compares byte by byte, by SQLite's
-- default collation BINARY. Times are milliseconds since the Unix epoch.
CREATE TABLE item (
  partition TEXT NOT NULL,
  sort TEXT NOT NULL,
  body TEXT NOT NULL,
  version INTEGER NOT NULL,
  expires_at INTEGER,
  index_partition TEXT,
  index_sort TEXT,
  PRIMARY KEY (partition, sort),
  CONSTRAINT index_place_is_whole CHECK ((index_partition IS NULL) = (index_sort IS NULL))
) STRICT, WITHOUT ROWID;

-- The secondary index. The item's own key makes its order total, so that pages have exact ends.
CREATE INDEX item_listed ON item (index_partition, index_sort, partition, sort) WHERE index_partition IS NOT NULL;

-- Finds the items to purge.
CREATE INDEX item_expiring ON item (expires_at) WHERE expires_at IS NOT NULL;

-- Never holds a row. A write whose condition does not hold inserts its position here. The constraint of that
-- position fails and undoes the whole batch, and the constraint's name in the message identifies the write.
CREATE TABLE guard (
  position INTEGER NOT NULL,
  CONSTRAINT write_0 CHECK (position <> 0), CONSTRAINT write_1 CHECK (position <> 1), CONSTRAINT write_2 CHECK (position <> 2), CONSTRAINT write_3 CHECK (position <> 3),
  CONSTRAINT write_4 CHECK (position <> 4), CONSTRAINT write_5 CHECK (position <> 5), CONSTRAINT write_6 CHECK (position <> 6), CONSTRAINT write_7 CHECK (position <> 7),
  CONSTRAINT write_8 CHECK (position <> 8), CONSTRAINT write_9 CHECK (position <> 9), CONSTRAINT write_10 CHECK (position <> 10), CONSTRAINT write_11 CHECK (position <> 11),
  CONSTRAINT write_12 CHECK (position <> 12), CONSTRAINT write_13 CHECK (position <> 13), CONSTRAINT write_14 CHECK (position <> 14), CONSTRAINT write_15 CHECK (position <> 15),
  CONSTRAINT write_16 CHECK (position <> 16), CONSTRAINT write_17 CHECK (position <> 17), CONSTRAINT write_18 CHECK (position <> 18), CONSTRAINT write_19 CHECK (position <> 19),
  CONSTRAINT write_20 CHECK (position <> 20), CONSTRAINT write_21 CHECK (position <> 21), CONSTRAINT write_22 CHECK (position <> 22), CONSTRAINT write_23 CHECK (position <> 23),
  CONSTRAINT write_24 CHECK (position <> 24), CONSTRAINT write_25 CHECK (position <> 25), CONSTRAINT write_26 CHECK (position <> 26), CONSTRAINT write_27 CHECK (position <> 27),
  CONSTRAINT write_28 CHECK (position <> 28), CONSTRAINT write_29 CHECK (position <> 29), CONSTRAINT write_30 CHECK (position <> 30), CONSTRAINT write_31 CHECK (position <> 31),
  CONSTRAINT write_32 CHECK (position <> 32), CONSTRAINT write_33 CHECK (position <> 33), CONSTRAINT write_34 CHECK (position <> 34), CONSTRAINT write_35 CHECK (position <> 35),
  CONSTRAINT write_36 CHECK (position <> 36), CONSTRAINT write_37 CHECK (position <> 37), CONSTRAINT write_38 CHECK (position <> 38), CONSTRAINT write_39 CHECK (position <> 39),
  CONSTRAINT write_40 CHECK (position <> 40), CONSTRAINT write_41 CHECK (position <> 41), CONSTRAINT write_42 CHECK (position <> 42), CONSTRAINT write_43 CHECK (position <> 43),
  CONSTRAINT write_44 CHECK (position <> 44), CONSTRAINT write_45 CHECK (position <> 45), CONSTRAINT write_46 CHECK (position <> 46), CONSTRAINT write_47 CHECK (position <> 47),
  CONSTRAINT write_48 CHECK (position <> 48), CONSTRAINT write_49 CHECK (position <> 49), CONSTRAINT write_50 CHECK (position <> 50), CONSTRAINT write_51 CHECK (position <> 51),
  CONSTRAINT write_52 CHECK (position <> 52), CONSTRAINT write_53 CHECK (position <> 53), CONSTRAINT write_54 CHECK (position <> 54), CONSTRAINT write_55 CHECK (position <> 55),
  CONSTRAINT write_56 CHECK (position <> 56), CONSTRAINT write_57 CHECK (position <> 57), CONSTRAINT write_58 CHECK (position <> 58), CONSTRAINT write_59 CHECK (position <> 59),
  CONSTRAINT write_60 CHECK (position <> 60), CONSTRAINT write_61 CHECK (position <> 61), CONSTRAINT write_62 CHECK (position <> 62), CONSTRAINT write_63 CHECK (position <> 63),
  CONSTRAINT write_64 CHECK (position <> 64), CONSTRAINT write_65 CHECK (position <> 65), CONSTRAINT write_66 CHECK (position <> 66), CONSTRAINT write_67 CHECK (position <> 67),
  CONSTRAINT write_68 CHECK (position <> 68), CONSTRAINT write_69 CHECK (position <> 69), CONSTRAINT write_70 CHECK (position <> 70), CONSTRAINT write_71 CHECK (position <> 71),
  CONSTRAINT write_72 CHECK (position <> 72), CONSTRAINT write_73 CHECK (position <> 73), CONSTRAINT write_74 CHECK (position <> 74), CONSTRAINT write_75 CHECK (position <> 75),
  CONSTRAINT write_76 CHECK (position <> 76), CONSTRAINT write_77 CHECK (position <> 77), CONSTRAINT write_78 CHECK (position <> 78), CONSTRAINT write_79 CHECK (position <> 79),
  CONSTRAINT write_80 CHECK (position <> 80), CONSTRAINT write_81 CHECK (position <> 81), CONSTRAINT write_82 CHECK (position <> 82), CONSTRAINT write_83 CHECK (position <> 83),
  CONSTRAINT write_84 CHECK (position <> 84), CONSTRAINT write_85 CHECK (position <> 85), CONSTRAINT write_86 CHECK (position <> 86), CONSTRAINT write_87 CHECK (position <> 87),
  CONSTRAINT write_88 CHECK (position <> 88), CONSTRAINT write_89 CHECK (position <> 89), CONSTRAINT write_90 CHECK (position <> 90), CONSTRAINT write_91 CHECK (position <> 91),
  CONSTRAINT write_92 CHECK (position <> 92), CONSTRAINT write_93 CHECK (position <> 93), CONSTRAINT write_94 CHECK (position <> 94), CONSTRAINT write_95 CHECK (position <> 95),
  CONSTRAINT write_96 CHECK (position <> 96), CONSTRAINT write_97 CHECK (position <> 97), CONSTRAINT write_98 CHECK (position <> 98), CONSTRAINT write_99 CHECK (position <> 99),
  CONSTRAINT write_unknown CHECK (position BETWEEN 0 AND 99)
) STRICT;
